using System.Threading.Channels;
using DistillGrpc.Contracts.V1;
using DistillGrpc.Student.Serving.Answers;
using Google.Protobuf;
using Google.Protobuf.WellKnownTypes;

namespace DistillGrpc.Student.Serving.Caching;

/// <summary>
/// Answers that would be the same again, by version and request. A version that takes another's place has keys of its own, as has one that is loaded
/// anew: nothing is ever to be taken back. Of two equal requests at once both are answered.
/// </summary>
internal sealed class ResponseCache(StudentOptions options)
{
    private readonly LeastRecentlyUsed? _kept = options.ResponseCacheBytes > 0 ? new LeastRecentlyUsed(options.ResponseCacheBytes) : null;

    /// <summary>Bytes that are kept.</summary>
    public long Bytes => _kept?.Bytes ?? 0;

    /// <summary>The key of a request; null where its answer is not kept: it is drawn anew each time, or read from what a Teacher says.</summary>
    public CacheKey? KeyOf(ServedModel model, PredictRequest request) =>
        _kept is null || IsDrawn(request.Decoding) || IsDrawn(request.RationaleDecoding) || (model.Card.Form == PredictionForm.LabelFromRationale && request.GivenRationale.Length == 0)
            ? null
            : CacheKey.Of(model, request);

    /// <summary>The answers to a request, as they were given before; null where there are none.</summary>
    /// <param name="key">The request's key, or null.</param>
    /// <param name="model">The version's name.</param>
    /// <param name="wantsDeltas">Whether each answer's text goes before it.</param>
    /// <param name="keep">Keeps a label as a prediction, and gives its name: each time is one of its own.</param>
    public ChannelReader<StreamPredictResponse>? Find(CacheKey? key, string model, bool wantsDeltas, Func<string, string> keep)
    {
        if (key is not { } asked)
        {
            return null;
        }

        var kept = _kept!.Find(asked);
        ServingMetrics.Cached(model, isHit: kept is not null);
        return kept is null ? null : Again(kept, wantsDeltas, keep);
    }

    /// <summary>Has a request's answers kept when they are given; without a key they are not.</summary>
    public ChannelWriter<StreamPredictResponse> Observe(CacheKey? key, ChannelWriter<StreamPredictResponse> caller) =>
        key is not { } asked ? caller : new ObservedAnswers(caller, answers => _kept!.Keep(asked, Kept(answers)));

    private static bool IsDrawn(DecodingOptions? decoding) => decoding is { Temperature: > 0, HasSeed: false };

    private static ChannelReader<StreamPredictResponse> Again(byte[] kept, bool wantsDeltas, Func<string, string> keep)
    {
        var output = Channel.CreateUnbounded<StreamPredictResponse>();
        using var input = new CodedInputStream(kept);
        while (!input.IsAtEnd)
        {
            var part = new StreamPredictResponse();
            input.ReadMessage(part);
            if (part.Answer is { Task: PredictionTask.Label } label)
            {
                label.Prediction = keep(label.Text);
            }

            if (wantsDeltas && part.Answer is { Text.Length: > 0 } answer)
            {
                output.Writer.TryWrite(new StreamPredictResponse { Delta = new AnswerDelta { Task = answer.Task, Text = answer.Text, Tokens = (int)answer.Usage.OutputTokens } });
            }

            output.Writer.TryWrite(part);
        }

        output.Writer.Complete();
        return output.Reader;
    }

    // Kept as bytes: what they take is known, and nobody can change them.
    private static byte[] Kept(IReadOnlyList<StreamPredictResponse> answers)
    {
        using var content = new MemoryStream();
        using var output = new CodedOutputStream(content, leaveOpen: true);
        foreach (var part in answers)
        {
            var kept = part.Clone();
            var nothing = Duration.FromTimeSpan(TimeSpan.Zero);
            if (kept.Answer is { } answer)
            {
                (answer.Cached, answer.Prediction, answer.Timings) = (true, "", new Timings { Queue = nothing, Tokenize = nothing, Encode = nothing, Decode = nothing });
            }

            output.WriteMessage(kept);
        }

        output.Flush();
        return content.ToArray();
    }
}
