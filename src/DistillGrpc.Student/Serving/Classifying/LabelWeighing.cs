using System.Runtime.InteropServices;
using DistillGrpc.Contracts.V1;
using DistillGrpc.Modeling.Decoding;
using DistillGrpc.Student.Models;
using DistillGrpc.Student.Serving.Requests;
using DistillGrpc.Student.Serving.Scheduling;
using Google.Protobuf.WellKnownTypes;
using DecodingOptions = DistillGrpc.Modeling.Decoding.DecodingOptions;

namespace DistillGrpc.Student.Serving.Classifying;

/// <summary>Has a model weigh labels, beside whatever else it does.</summary>
/// <param name="served">The model.</param>
/// <param name="lease">The request's place in it.</param>
/// <param name="asked">The request.</param>
/// <param name="options">How many rows of a step labels may have.</param>
/// <param name="time">The clock.</param>
internal sealed class LabelWeighing(ServedModel served, ServingLease lease, Classification asked, StudentOptions options, TimeProvider time)
{
    private readonly ServingModel _model = served.Model;

    /// <summary>Weighs them.</summary>
    /// <param name="labels">The labels.</param>
    /// <param name="temperature">What logits are divided by.</param>
    /// <returns>The probabilities, and what they took; whose answer it is, is left open.</returns>
    /// <exception cref="Grpc.Core.RpcException">RESOURCE_EXHAUSTED where too many wait, DEADLINE_EXCEEDED, FAILED_PRECONDITION or INTERNAL where the model fails.</exception>
    /// <exception cref="OperationCanceledException">The caller has gone.</exception>
    public async Task<ClassifyResponse> RunAsync(CandidateSet labels, double temperature)
    {
        var started = time.GetTimestamp();
        var prompt = _model.Card.Form == PredictionForm.LabelFromRationale ? _model.Prompts.LabelFrom(asked.Segments, asked.GivenRationale) : _model.Prompts.Label(asked.Segments);
        var tokenized = time.GetElapsedTime(started);
        var (prefix, jobs) = (prompt.DecoderPrefix, new List<GenerationJob>());
        var written = 0;
        if (_model.Card.Form == PredictionForm.RationaleThenLabel)
        {
            var (rationale, job) = await WriteRationaleAsync(prompt);
            (prefix, written) = ([.. prefix, .. _model.Prompts.BeforeLabel(rationale)], rationale.Length);
            jobs.Add(job);
        }

        jobs.Add(await GenerateAsync(prompt, new DecodingOptions { MaxTokens = labels.Allowed.Longest, Allowed = labels.Allowed, ChoiceRows = Math.Min(options.MaxLabelRows, options.MaxStepRows), Prefix = prefix }, null));
        var response = new ClassifyResponse
        {
            Model = served.Name,
            Temperature = temperature,
            Usage = new Usage { InputTokens = prompt.Input.Ids.Length, OutputTokens = written },
            InputTruncated = prompt.Input.Truncated,
            Timings = new Timings
            {
                Tokenize = Duration.FromTimeSpan(tokenized),
                Queue = Sum(jobs, job => job.Queued),
                Encode = Sum(jobs, job => job.Encoded),
                Decode = Sum(jobs, job => job.Decoded),
            },
        };
        response.Labels.AddRange(labels.InOrder().Zip(jobs[^1].Choices!.LogProbabilities(temperature), (label, log) => new LabelProbability { Label = label, Probability = Math.Exp(log) })
            .OrderByDescending(label => label.Probability).Take(asked.TopK));
        return response;
    }

    // Of a model that writes both as one text: greedily, up to the label's prefix.
    private async Task<(int[] Written, GenerationJob Job)> WriteRationaleAsync(TaskPrompt prompt)
    {
        var written = new List<int>();
        var writing = new DecodingOptions { MaxTokens = Math.Min(TaskPrompts.MostRationale, options.MaxOutputTokens), Prefix = prompt.DecoderPrefix, LogProbabilities = false };
        var job = await GenerateAsync(prompt, writing, token =>
        {
            written.Add(token);
            return _model.Prompts.LabelAt(CollectionsMarshal.AsSpan(written)) >= 0;
        });
        return ([.. written], job);
    }

    private async Task<GenerationJob> GenerateAsync(TaskPrompt prompt, DecodingOptions decoding, Func<int, bool>? isEnough)
    {
        var job = await lease.StartAsync(prompt.Input.Ids, isSameInput: true, decoding, wantsTokens: isEnough is not null, asked.Caller);
        await using var gone = job.EndWithCaller();
        var isStopped = false;
        while (await job.Feed.WaitAsync())
        {
            while (job.Feed.TryRead(out var token))
            {
                isStopped = isStopped || isEnough!(token);
            }

            if (isStopped)
            {
                job.Stop();
            }
        }

        return job;
    }

    private static Duration Sum(List<GenerationJob> jobs, Func<GenerationJob, TimeSpan> part) => Duration.FromTimeSpan(jobs.Aggregate(TimeSpan.Zero, (sum, job) => sum + part(job)));
}
