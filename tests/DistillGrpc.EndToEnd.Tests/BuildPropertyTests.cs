using System.Diagnostics;
using System.Text.Json;

namespace DistillGrpc.EndToEnd.Tests;

public sealed class BuildPropertyTests
{
    [Theory]
    [InlineData("", "libtorch-cpu-linux-x64", "TorchSharp-cuda-linux")]
    [InlineData("-p:DistillTorch=cuda", "TorchSharp-cuda-linux", "libtorch-cpu-linux-x64")]
    public async Task DistillTorch_Property_SelectsTheNativePackage(string property, string chosen, string other)
    {
        var root = new DirectoryInfo(AppContext.BaseDirectory);
        while (!File.Exists(Path.Combine(root.FullName, "DistillGrpc.sln")))
        {
            root = root.Parent!;
        }

        var project = Path.Combine(root.FullName, "src", "DistillGrpc.Student", "DistillGrpc.Student.csproj");
        var start = new ProcessStartInfo("dotnet") { RedirectStandardOutput = true };
        foreach (var argument in new[] { "msbuild", project, "-getItem:PackageReference", property }.Where(argument => argument.Length > 0))
        {
            start.ArgumentList.Add(argument);
        }

        using var process = Process.Start(start)!;
        using var items = JsonDocument.Parse(await process.StandardOutput.ReadToEndAsync());
        var packages = items.RootElement.GetProperty("Items").GetProperty("PackageReference").EnumerateArray().Select(item => item.GetProperty("Identity").GetString()).ToArray();

        Assert.Contains(chosen, packages);
        Assert.DoesNotContain(other, packages);
    }
}
