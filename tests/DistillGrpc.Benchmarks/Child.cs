using System.Diagnostics;

namespace DistillGrpc.Benchmarks;

/// <summary>A program beside the benchmark, in a process of its own, so that its time is its own.</summary>
internal sealed class Child : IDisposable
{
    private const string Listening = "Now listening on: ";
    private readonly Process _process;

    private Child(Process process, string firstLine) => (_process, FirstLine) = (process, firstLine);

    /// <summary>What it said first; of a service, that it listens.</summary>
    public string FirstLine { get; }

    public Uri Address => new(FirstLine[(FirstLine.IndexOf(Listening, StringComparison.Ordinal) + Listening.Length)..]);

    public TimeSpan Cpu
    {
        get
        {
            _process.Refresh();
            return _process.TotalProcessorTime;
        }
    }

    public long Memory
    {
        get
        {
            _process.Refresh();
            return _process.WorkingSet64;
        }
    }

    public long PeakMemory
    {
        get
        {
            _process.Refresh();
            return _process.PeakWorkingSet64;
        }
    }

    /// <summary>What it has open, as Linux names it.</summary>
    public IReadOnlyList<string> Handles() => [.. Directory.EnumerateFileSystemEntries($"/proc/{_process.Id}/fd").Select(path => new FileInfo(path).LinkTarget ?? "")];

    /// <summary>Starts a program that lies beside this one, and waits until it says something.</summary>
    public static async Task<Child> StartAsync(string assembly, params string[] arguments)
    {
        var process = Process.Start(new ProcessStartInfo("dotnet", [Path.Combine(AppContext.BaseDirectory, assembly), .. arguments]) { RedirectStandardOutput = true })!;
        while (await process.StandardOutput.ReadLineAsync() is { } line)
        {
            // A service says where it listens in a line of its log.
            if (!assembly.Contains("Benchmarks", StringComparison.Ordinal) && !line.Contains(Listening, StringComparison.Ordinal))
            {
                continue;
            }

            _ = process.StandardOutput.BaseStream.CopyToAsync(Stream.Null);
            return new Child(process, line);
        }

        throw new InvalidDataException($"{assembly} said nothing.");
    }

    public void Dispose()
    {
        if (!_process.HasExited)
        {
            _process.Kill();
            _process.WaitForExit();
        }

        _process.Dispose();
    }
}
