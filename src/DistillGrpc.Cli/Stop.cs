using Microsoft.AspNetCore.Builder;

namespace DistillGrpc.Cli;

/// <summary>Stops a service before it is disposed: a call that comes in between would find nothing there.</summary>
internal sealed class Stop(WebApplication app) : IAsyncDisposable
{
    public async ValueTask DisposeAsync() => await app.StopAsync();
}
