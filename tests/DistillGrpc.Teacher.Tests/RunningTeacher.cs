using System.Collections.Concurrent;
using DistillGrpc.Client;
using DistillGrpc.Hosting;
using Grpc.Net.Client;
using Microsoft.AspNetCore.Builder;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;

namespace DistillGrpc.Teacher.Tests;

/// <summary>A Teacher on a free loopback port, HTTP/2, with a state directory of its own unless the settings name one; its log is kept.</summary>
internal sealed class RunningTeacher : IAsyncDisposable
{
    private readonly WebApplication _app;
    private readonly Lines _lines;
    private readonly TemporaryFolder _state;

    private RunningTeacher(WebApplication app, Lines lines, TemporaryFolder state)
    {
        (_app, _lines, _state) = (app, lines, state);
        Channel = DistillChannel.To(app.Address());
        Client = new TeacherClient(Channel);
    }

    public GrpcChannel Channel { get; }

    public TeacherClient Client { get; }

    /// <summary>All that was logged, at every level.</summary>
    public string Log => string.Join('\n', _lines.All);

    public static Task<RunningTeacher> StartAsync(params string[] settings) => StartAsync(TimeProvider.System, settings);

    /// <summary>Starts it with a clock; gRPC's deadlines are the system's always.</summary>
    public static async Task<RunningTeacher> StartAsync(TimeProvider time, string[] settings)
    {
        var (lines, state) = (new Lines(), new TemporaryFolder());
        var app = TeacherHost.Create(
            ["--Listen=http://127.0.0.1:0", $"--StateDirectory={state.Path}", .. settings],
            builder =>
            {
                builder.Logging.ClearProviders().SetMinimumLevel(LogLevel.Trace).AddProvider(lines);
                builder.Services.AddSingleton(time);
            });
        await app.StartAsync();
        return new RunningTeacher(app, lines, state);
    }

    public async ValueTask DisposeAsync()
    {
        Channel.Dispose();
        await _app.StopAsync();
        await _app.DisposeAsync();
        _state.Dispose();
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
