using System.Collections.Concurrent;
using System.Diagnostics;
using System.Text.RegularExpressions;

namespace DistillGrpc.EndToEnd.Tests;

/// <summary>A service as a process of its own, on a free port.</summary>
internal sealed partial class ServiceProcess : IDisposable
{
    private readonly Process _process;
    private readonly ConcurrentQueue<string> _lines = [];
    private readonly TaskCompletionSource<Uri> _listening = new(TaskCreationOptions.RunContinuationsAsynchronously);

    private ServiceProcess(string assembly, string[] settings, string[]? launcher = null)
    {
        var start = new ProcessStartInfo("env", [.. launcher ?? [], "dotnet", Path.Combine(AppContext.BaseDirectory, assembly), "--Listen=http://127.0.0.1:0", .. settings])
        {
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
        // A Student compiles every method once, and at once, which pays after minutes; these live for seconds, and there are many.
        start.Environment["DOTNET_TieredCompilation"] = "1";
        _process = Process.Start(start)!;
        _process.OutputDataReceived += (_, line) => Take(line.Data);
        _process.ErrorDataReceived += (_, line) => Take(line.Data);
        _process.BeginOutputReadLine();
        _process.BeginErrorReadLine();
    }

    public Uri Address => _listening.Task.Result;

    public string Output => string.Join('\n', _lines);

    public static Task<ServiceProcess> StudentAsync(params string[] settings) => StartAsync("DistillGrpc.Student.dll", settings);

    /// <summary>A Student whose files may not be larger: what goes beyond is refused as by a full disk.</summary>
    public static Task<ServiceProcess> StudentWithSmallFilesAsync(int kibibytes, params string[] settings) =>
        StartAsync("DistillGrpc.Student.dll", settings, ["DOTNET_EnableWriteXorExecute=0", "bash", "-c", $"trap '' XFSZ; ulimit -f {kibibytes}; exec \"$@\"", "bash"]);

    /// <summary>A Student that sees a small file system of its own at a folder; <see cref="Inside"/> says where others see it.</summary>
    public static Task<ServiceProcess> StudentOnSmallDiskAsync(int kibibytes, string folder, params string[] settings) =>
        StartAsync("DistillGrpc.Student.dll", settings, ["unshare", "-rm", "bash", "-c", $"mount -t tmpfs -o size={kibibytes}k none \"$0\" && exec \"$@\"", folder]);

    /// <summary>Where a path of the process lies for others.</summary>
    public string Inside(string path) => $"/proc/{_process.Id}/root{path}";

    public static Task<ServiceProcess> TeacherAsync(params string[] settings) => StartAsync("DistillGrpc.Teacher.dll", settings);

    /// <summary>Starts a service that is expected to refuse to start.</summary>
    public static async Task<(int ExitCode, string Output)> RunToEndAsync(string assembly, params string[] settings)
    {
        using var service = new ServiceProcess(assembly, settings);
        await service._process.WaitForExitAsync().WaitAsync(TimeSpan.FromSeconds(60));
        return (service._process.ExitCode, service.Output);
    }

    /// <summary>SIGKILL.</summary>
    public void Kill()
    {
        _process.Kill();
        _process.WaitForExit();
    }

    /// <summary>SIGTERM; gives the exit code and how long it took.</summary>
    public async Task<(int ExitCode, TimeSpan Took)> TerminateAsync()
    {
        var started = Stopwatch.GetTimestamp();
        using var kill = Process.Start("kill", ["-TERM", $"{_process.Id}"]);
        await _process.WaitForExitAsync().WaitAsync(TimeSpan.FromSeconds(60));
        return (_process.ExitCode, Stopwatch.GetElapsedTime(started));
    }

    public bool HasExited => _process.HasExited;

    public void Dispose()
    {
        if (!_process.HasExited)
        {
            _process.Kill();
            _process.WaitForExit();
        }

        _process.Dispose();
    }

    private static async Task<ServiceProcess> StartAsync(string assembly, string[] settings, string[]? launcher = null)
    {
        var service = new ServiceProcess(assembly, settings, launcher);
        var exit = service._process.WaitForExitAsync();
        await Task.WhenAny(service._listening.Task, exit).WaitAsync(TimeSpan.FromSeconds(60));
        return exit.IsCompleted ? throw new InvalidOperationException($"the service did not start: {service.Output}") : service;
    }

    private void Take(string? line)
    {
        if (line is null)
        {
            return;
        }

        _lines.Enqueue(line);
        if (Listening().Match(line) is { Success: true } match)
        {
            _listening.TrySetResult(new Uri(match.Groups[1].Value));
        }
    }

    [GeneratedRegex(@"Now listening on: (http://\S+)", RegexOptions.CultureInvariant)]
    private static partial Regex Listening();
}
