using System.Threading.Channels;
using DistillGrpc.Contracts.V1;
using DistillGrpc.Hosting;
using DistillGrpc.Student.Models;
using DistillGrpc.Student.Serving.Answers;
using DistillGrpc.Student.Serving.Requests;
using DistillGrpc.Student.Serving.Scheduling;

namespace DistillGrpc.Student.Serving.Explaining;

/// <summary>Rationales of labels that were given before: written by the version that gave them, and read back.</summary>
internal sealed class Explanations(PredictionStore predictions, PinnedVersions versions, AskReader asks, TimeProvider time)
{
    /// <summary>Begins to explain a prediction. Whoever reads the output slowly keeps nobody waiting.</summary>
    /// <exception cref="Grpc.Core.RpcException">As the contract says.</exception>
    public async Task<ChannelReader<ExplainResponse>> StartAsync(ExplainRequest request, Caller caller)
    {
        var id = PredictionId.Parse(request.Prediction, "prediction");
        asks.RequireLength([.. request.Segments, request.GivenRationale], "with given_rationale");
        var kept = await predictions.FindAsync(id, caller.CancellationToken);
        var segments = SegmentsOf(id, kept, request);
        while (true)
        {
            var use = await versions.UseAsync(kept.Model, kept.Fingerprint, caller.CancellationToken);
            try
            {
                var ask = AskOf(id, use.Served, kept, segments, request, caller);
                if (use.Served.Enter() is { } writing)
                {
                    // Of the same request: it may go on where others are no longer let in.
                    var reading = writing.Beside();
                    var output = Channel.CreateUnbounded<ExplainResponse>(new UnboundedChannelOptions { SingleReader = true, SingleWriter = true });
                    _ = RunAsync(use, (writing, reading), ask, kept.Label, output.Writer);
                    return output.Reader;
                }
            }
            catch
            {
                use.Dispose();
                throw;
            }

            // An alias has moved meanwhile, and the version is loaded again.
            use.Dispose();
            caller.CancellationToken.ThrowIfCancellationRequested();
        }
    }

    private async Task RunAsync(VersionUse use, (ServingLease Writing, ServingLease Reading) leases, Ask ask, string label, ChannelWriter<ExplainResponse> output)
    {
        Exception? failed = null;
        using (use)
        using (leases.Reading)
        {
            try
            {
                var written = Channel.CreateUnbounded<StreamPredictResponse>(new UnboundedChannelOptions { SingleReader = true, SingleWriter = true });
                _ = new AnswerFlow(use.Served, leases.Writing, ask, written.Writer, predictions, time).RunAsync();
                var (rationale, ownLabel) = await SendAsync(written.Reader, output);
                var isWhole = rationale.FinishReason == FinishReason.EndOfSequence;
                var consistency = await new ConsistencyCheck(use.Served.Model, leases.Reading, ask.Caller).OfAsync(label, ask.Segments, rationale.Text, isWhole, ownLabel);
                ExplainMetrics.Explained(use.Served.Name, consistency.Verdict);
                output.TryWrite(new ExplainResponse { Consistency = consistency });
            }
            catch (Exception failure)
            {
                failed = failure;
            }
        }

        // Whoever sees the end finds everything given back.
        output.TryComplete(failed);
    }

    // What is written of the rationale goes on; a label that stands behind it is for the check.
    private static async Task<(TaskAnswer Rationale, string? Label)> SendAsync(ChannelReader<StreamPredictResponse> written, ChannelWriter<ExplainResponse> output)
    {
        var (rationale, label) = (new TaskAnswer(), default(string));
        await foreach (var part in written.ReadAllAsync())
        {
            if (part.Answer is { Task: PredictionTask.Label } answer)
            {
                label = answer.Text;
            }
            else if (part.Answer is { } explained)
            {
                rationale = explained;
                output.TryWrite(new ExplainResponse { Answer = explained });
            }
            else if (part.Delta is { Task: PredictionTask.Rationale } delta)
            {
                output.TryWrite(new ExplainResponse { Delta = delta });
            }
        }

        return (rationale, label);
    }

    private static IReadOnlyList<string> SegmentsOf(string id, KeptPrediction kept, ExplainRequest request)
    {
        if (request.Segments.Count == 0)
        {
            RpcFailure.Require(kept.InputHash.Length == 0, "segments", "are needed: this Student keeps no inputs (setting StoreInputs)");
            return kept.Segments;
        }

        var isSame = kept.InputHash.Length == 0 ? kept.Segments.SequenceEqual(request.Segments, StringComparer.Ordinal) : PredictionId.IsInput(id, request.Segments, kept.InputHash);
        RpcFailure.Require(isSame, "segments", "are not the input of this prediction");
        return [.. request.Segments];
    }

    // That of the label: any other, and be it of the same Teacher, would explain what nobody has answered.
    private static string RationaleOf(string id, KeptPrediction kept, ExplainRequest request)
    {
        if (kept.Rationale.Length > 0)
        {
            RpcFailure.Require(request.GivenRationale.Length == 0 || request.GivenRationale == kept.Rationale, "given_rationale", "is not what this label was read from");
            return kept.Rationale;
        }

        if (!PredictionId.HasRationale(kept.InputHash))
        {
            throw RpcFailure.FailedPrecondition("NO_KEPT_RATIONALE", "Of the rationale that this label was read from nothing was kept.");
        }

        RpcFailure.Require(request.GivenRationale.Length > 0, "given_rationale", "is needed: this Student keeps none (setting StoreInputs); PredictResponse has it where BOTH is asked for");
        RpcFailure.Require(PredictionId.IsRationale(id, request.GivenRationale, kept.InputHash), "given_rationale", "is not what this label was read from");
        return request.GivenRationale;
    }

    private Ask AskOf(string id, ServedModel served, KeptPrediction kept, IReadOnlyList<string> segments, ExplainRequest request, Caller caller)
    {
        var card = served.Card;
        var asked = new PredictRequest
        {
            Segments = { segments },
            // One that writes both as one text writes them again, and comes to a label.
            Task = card.Form == PredictionForm.RationaleThenLabel ? PredictionTask.Both : PredictionTask.Rationale,
            MaxOutputTokens = request.MaxOutputTokens,
            TopLogProbabilities = request.TopLogProbabilities,
            GivenLabel = card.ExplainsGivenLabel && kept.Label.Length <= AskReader.MaxGivenLabel ? kept.Label : "",
            GivenRationale = card.Form == PredictionForm.LabelFromRationale ? RationaleOf(id, kept, request) : request.GivenRationale,
            Decoding = request.Decoding,
            Store = false,
        };
        var ask = asks.ReadKept(asked, caller, wantsDeltas: true);
        AskReader.RequireAble(served.Name, card, asked);
        return ask;
    }
}
