using DistillGrpc.Contracts.V1;
using DistillGrpc.Hosting;
using DistillGrpc.Student.Models;
using DistillGrpc.Student.Serving.Requests;
using DistillGrpc.Student.Serving.Scheduling;
using DecodingOptions = DistillGrpc.Modeling.Decoding.DecodingOptions;

namespace DistillGrpc.Student.Serving.Answers;

/// <summary>Has the generations of a request written, one after another, and reads their tokens as they come.</summary>
/// <param name="card">What the model can be asked.</param>
/// <param name="lease">The request's place in it.</param>
/// <param name="ask">The request.</param>
internal sealed class AnswerGeneration(ModelCard card, ServingLease lease, Ask ask)
{
    // What a task's prefix on the encoder makes another input of, the model reads anew.
    private bool IsSameInput => card.PrefixOnDecoder || card.Form == PredictionForm.RationaleThenLabel;

    /// <summary>Has one written, to its end or until enough is there.</summary>
    /// <param name="prompt">What is asked.</param>
    /// <param name="options">How it is written.</param>
    /// <param name="decoding">What the caller wants of it.</param>
    /// <param name="read">Makes text of a token, of either task.</param>
    /// <param name="isStopped">Whether enough is there.</param>
    /// <param name="send">Takes the text that has come.</param>
    public async Task<GenerationJob> RunAsync(
        TaskPrompt prompt, DecodingOptions options, TaskDecoding decoding, Func<int, (string First, string Second)> read, Func<bool> isStopped, Action<(string First, string Second)> send)
    {
        RequirePrefixFits(options);
        var mayEndEarly = decoding.Spec.Stops.Count > 0 || card.Form == PredictionForm.RationaleThenLabel;
        var wantsTokens = decoding.IsStreamed && (ask.WantsDeltas || mayEndEarly);
        var job = await lease.StartAsync(prompt.Input.Ids, IsSameInput, options, wantsTokens, ask.Caller, gathers: !mayEndEarly);
        await using var gone = job.EndWithCaller();
        try
        {
            await ReadAsync(job, read, isStopped, send);
        }
        catch
        {
            // Nobody reads what is still being written.
            job.Stop();
            throw;
        }

        return job;
    }

    private static async Task ReadAsync(GenerationJob job, Func<int, (string First, string Second)> read, Func<bool> isStopped, Action<(string First, string Second)> send)
    {
        while (await job.Feed.WaitAsync())
        {
            // As many as have come make one message: whoever cannot keep up gets fewer.
            var (first, second) = ("", "");
            while (job.Feed.TryRead(out var token))
            {
                var (more, label) = isStopped() ? ("", "") : read(token);
                (first, second) = (Join(first, more), Join(second, label));
            }

            if (isStopped())
            {
                job.Stop();
            }

            send((first, second));
        }
    }

    // With the prefix on the decoder the label that is explained stands there, too.
    private static void RequirePrefixFits(DecodingOptions options) => RpcFailure.Require(
        options.Prefix.Count <= DecodingOptions.MostPrefixTokens,
        "given_label",
        $"the label is too long to be explained: with the prefixes it may have {DecodingOptions.MostPrefixTokens} tokens");

    private static string Join(string text, string more) => text.Length == 0 ? more : more.Length == 0 ? text : text + more;
}
