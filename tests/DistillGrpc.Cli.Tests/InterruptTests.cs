using System.Diagnostics;

namespace DistillGrpc.Cli.Tests;

public sealed class InterruptTests
{
    [Theory]
    [InlineData("while rows are sent", 0)]
    [InlineData("while training", 3000)]
    public async Task CtrlC_InTheQuickstart_EndsItInOneLineAndLeavesNothing(string moment, int milliseconds)
    {
        using var temporary = new TemporaryFolder();
        using var process = Start(temporary.Path);
        var error = process.StandardError.ReadToEndAsync();
        Assert.StartsWith("Teacher on http://127.0.0.1:", await process.StandardOutput.ReadLineAsync(), StringComparison.Ordinal);
        await Task.Delay(milliseconds);

        using var kill = Process.Start("kill", ["-INT", $"{process.Id}"]);
        await process.WaitForExitAsync().WaitAsync(TimeSpan.FromSeconds(30));

        Assert.Equal((130, "Interrupted."), (process.ExitCode, (await error).Trim()));
        Assert.True(Leftovers(temporary.Path).Length == 0, $"{moment}: {string.Join(", ", Leftovers(temporary.Path))}");
    }

    [Fact]
    public async Task Sigkill_InTheQuickstart_IsCleanedUpByTheNextOneWhichLeavesARunningOneAlone()
    {
        using var temporary = new TemporaryFolder();
        using var killed = Start(temporary.Path);
        await killed.StandardOutput.ReadLineAsync();
        using var running = Start(temporary.Path);
        await running.StandardOutput.ReadLineAsync();
        killed.Kill();
        await killed.WaitForExitAsync();
        Assert.Equal(2, Leftovers(temporary.Path).Length);

        using var next = Start(temporary.Path);
        await next.StandardOutput.ReadLineAsync();

        Assert.Equal(2, Leftovers(temporary.Path).Length);
        Assert.False(running.HasExited);
        foreach (var process in new[] { running, next })
        {
            process.Kill();
            await process.WaitForExitAsync();
        }
    }

    private static string[] Leftovers(string temporary) => Directory.GetDirectories(temporary, "distill-quickstart-*");

    // A test host may itself have been started with SIGINT ignored, and would hand that down.
    private static Process Start(string temporary) => Process.Start(new ProcessStartInfo("env", ["--default-signal=INT", "dotnet", Distill.Assembly, "quickstart", "--steps", "100000"])
    {
        RedirectStandardOutput = true,
        RedirectStandardError = true,
        Environment = { ["TMPDIR"] = temporary },
    })!;
}
