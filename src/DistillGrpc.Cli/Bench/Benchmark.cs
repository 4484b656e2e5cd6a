using DistillGrpc.Client;
using DistillGrpc.Contracts.V1;
using Grpc.Core;
using Grpc.Net.Client;

namespace DistillGrpc.Cli.Bench;

/// <summary>Measures a Student, one load after another.</summary>
internal sealed class Benchmark(BenchOptions options)
{
    private readonly ProgressLine _progress = new();
    private int _prompts;

    /// <summary>Measures one in this process.</summary>
    public async Task<BenchReport> RunAsync(PresetOptions preset, CancellationToken cancellationToken)
    {
        try
        {
            _progress.Show($"{preset.Preset}: making weights");
            await using var student = await PresetStudent.StartAsync(preset, cancellationToken);
            using var channel = DistillChannel.To(student.Address);
            var report = await MeasureAsync(channel, cancellationToken);
            return report with { Model = preset.Preset, Process = student.Describe() };
        }
        finally
        {
            _progress.Clear();
        }
    }

    /// <summary>Measures one that runs.</summary>
    public async Task<BenchReport> RunAsync(GrpcChannel channel, CancellationToken cancellationToken)
    {
        try
        {
            return await MeasureAsync(channel, cancellationToken);
        }
        finally
        {
            _progress.Clear();
        }
    }

    private async Task<BenchReport> MeasureAsync(GrpcChannel channel, CancellationToken cancellationToken)
    {
        var student = new InferenceClient(channel);
        var prompts = await new PromptFit(student, options.Model, options.Task, options.InputTokens, options.Seed).FindAsync(cancellationToken);
        await RequireLongestAsync(student, prompts, cancellationToken);
        var results = new List<LoadResult>();
        foreach (var load in options.Loads)
        {
            results.Add(await new LoadRun(student, options, load, () => Request(prompts), _progress).RunAsync(cancellationToken));
        }

        return new BenchReport(prompts.Model, options, null, results);
    }

    // What would be refused, or cut, is found before thousands are.
    private async Task RequireLongestAsync(InferenceClient student, BenchPrompts prompts, CancellationToken cancellationToken)
    {
        if (options.LengthRange == 0 && options.Candidates.Count == 0)
        {
            return;
        }

        var request = new PredictRequest
        {
            Model = options.Model,
            Task = options.Task,
            MaxOutputTokens = options.MostOutputTokens,
            Segments = { prompts.Of(0, 1 + options.LengthRange) },
            Candidates = { options.Candidates },
        };
        try
        {
            var response = await student.PredictAsync(request, cancellationToken);
            if ((response.Label ?? response.Rationale) is { InputTruncated: true, Usage.InputTokens: var read })
            {
                throw new InvalidDataException($"--length-range: the model does not read {options.MostInputTokens} tokens: it cuts longer inputs to {read}.");
            }
        }
        catch (RpcException refused) when (RpcErrors.Field(refused) == "max_output_tokens")
        {
            throw new InvalidDataException($"--output-tokens: {RpcErrors.Describe(refused)}");
        }
    }

    private StreamPredictRequest Request(BenchPrompts prompts)
    {
        var number = Interlocked.Increment(ref _prompts);
        var (input, output) = options.SharesOf(number);
        return new StreamPredictRequest
        {
            Model = options.Model,
            Task = options.Task,
            MaxOutputTokens = Math.Max(1, (int)Math.Round(options.OutputTokens * output)),
            Segments = { prompts.Of(number, input) },
            Candidates = { options.Candidates },
        };
    }
}
