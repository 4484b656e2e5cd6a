using System.Diagnostics;

namespace DistillGrpc.Teacher.Tests.OpenAi;

/// <summary>A small real language model behind a real server (<c>tests/llm</c>).</summary>
internal sealed class LanguageModel : IDisposable
{
    private const string Weights = "models/SmolLM2-135M-Instruct.Q4_1.gguf";
    private readonly Process _process;

    private LanguageModel(Process process, int port) => (_process, Address) = (process, $"http://127.0.0.1:{port}/v1");

    public string Address { get; }

    /// <summary>Why it cannot be started here; null where it can.</summary>
    public static string? Lacks =>
        SharedData.Find(Weights) is null ? $"needs reference data: {Weights} (set DISTILL_SHARED to its folder)"
        : Folder is null || !Directory.Exists(Path.Combine(Folder, "node_modules")) ? "needs Node.js and llama.cpp: run tests/llm/install"
        : null;

    public static async Task<LanguageModel> StartAsync()
    {
        var process = Process.Start(new ProcessStartInfo("node", [Path.Combine(Folder!, "serve.mjs"), SharedData.Locate(Weights)])
        {
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
        })!;
        var port = await process.StandardOutput.ReadLineAsync().WaitAsync(TimeSpan.FromMinutes(2));
        return new LanguageModel(process, int.Parse(port ?? throw new InvalidOperationException("the language model did not start")));
    }

    public void Dispose()
    {
        _process.Kill(entireProcessTree: true);
        _process.Dispose();
    }

    private static string? Folder { get; } = Find();

    private static string? Find()
    {
        for (var folder = new DirectoryInfo(AppContext.BaseDirectory); folder is not null; folder = folder.Parent)
        {
            if (File.Exists(Path.Combine(folder.FullName, "DistillGrpc.sln")))
            {
                return Path.Combine(folder.FullName, "tests", "llm");
            }
        }

        return null;
    }

    /// <summary>A test that asks it, skipped with a reason where it cannot be had.</summary>
    [AttributeUsage(AttributeTargets.Method)]
    internal sealed class FactAttribute : Xunit.FactAttribute
    {
        public FactAttribute() => Skip = Lacks;
    }
}
