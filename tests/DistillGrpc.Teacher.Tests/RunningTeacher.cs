using System.Collections.Concurrent;
using DistillGrpc.Client;
using DistillGrpc.Hosting;
using Grpc.Net.Client;
using Microsoft.AspNetCore.Builder;
using Microsoft.Extensions.Logging;

namespace DistillGrpc.Teacher.Tests;

/// <summary>A Teacher on a free loopback port, HTTP/2, whose log is kept.</summary>
internal sealed class RunningTeacher : IAsyncDisposable
{
    private readonly WebApplication _app;
    private readonly Lines _lines;

    private RunningTeacher(WebApplication app, Lines lines)
    {
        (_app, _lines) = (app, lines);
        Channel = DistillChannel.To(app.Address());
        Client = new TeacherClient(Channel);
    }

    public GrpcChannel Channel { get; }

    public TeacherClient Client { get; }

    /// <summary>All that was logged, at every level.</summary>
    public string Log => string.Join('\n', _lines.All);

    public static async Task<RunningTeacher> StartAsync(params string[] settings)
    {
        var lines = new Lines();
        var app = TeacherHost.Create(
            ["--Listen=http://127.0.0.1:0", .. settings],
            builder => builder.Logging.ClearProviders().SetMinimumLevel(LogLevel.Trace).AddProvider(lines));
        await app.StartAsync();
        return new RunningTeacher(app, lines);
    }

    public async ValueTask DisposeAsync()
    {
        Channel.Dispose();
        await _app.DisposeAsync();
    }

    private sealed class Lines : ILoggerProvider, ILogger
    {
        public ConcurrentQueue<string> All { get; } = [];

        public ILogger CreateLogger(string categoryName) => this;

        public IDisposable? BeginScope<TState>(TState state)
            where TState : notnull => null;

        public bool IsEnabled(LogLevel logLevel) => true;

        public void Log<TState>(LogLevel logLevel, EventId eventId, TState state, Exception? exception, Func<TState, Exception?, string> formatter) =>
            All.Enqueue($"{logLevel}: {formatter(state, exception)} {exception}");

        public void Dispose()
        {
        }
    }
}
