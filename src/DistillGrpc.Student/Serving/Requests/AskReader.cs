using DistillGrpc.Contracts.V1;
using DistillGrpc.Hosting;
using DistillGrpc.Student.Models;
using DistillGrpc.Student.Serving.Scheduling;

namespace DistillGrpc.Student.Serving.Requests;

/// <summary>Reads and checks what callers ask. What a request may cost before it is refused does not grow with what it asks for.</summary>
internal sealed class AskReader(StudentOptions options)
{
    private const int DefaultMaxTokens = 256;
    private const int MaxTopLogProbabilities = 20;

    /// <summary>Most characters of a routing key.</summary>
    public const int MaxRoutingKey = 256;

    /// <summary>Most characters of a label that is explained.</summary>
    public const int MaxGivenLabel = 4096;

    /// <summary>Reads a request.</summary>
    /// <exception cref="Grpc.Core.RpcException">INVALID_ARGUMENT, with the field.</exception>
    public Ask Read(PredictRequest request, Caller caller, bool wantsDeltas)
    {
        CheckInput(request);
        return ReadKept(request, caller, wantsDeltas);
    }

    /// <summary>As <see cref="Read"/>, where the texts are what was kept of an earlier request: what no caller has sent is not counted against what one may send.</summary>
    /// <exception cref="Grpc.Core.RpcException">INVALID_ARGUMENT, with the field.</exception>
    public Ask ReadKept(PredictRequest request, Caller caller, bool wantsDeltas)
    {
        RpcFailure.Require(request.MaxOutputTokens >= 0 && request.MaxOutputTokens <= options.MaxOutputTokens, "max_output_tokens", $"must be 0 to {options.MaxOutputTokens}");
        RpcFailure.Require(request.TopLogProbabilities is >= 0 and <= MaxTopLogProbabilities, "top_log_probabilities", $"must be 0 to {MaxTopLogProbabilities}");
        RpcFailure.Require(request.RoutingKey.Length <= MaxRoutingKey, "routing_key", $"may have {MaxRoutingKey} characters");
        RpcFailure.Require(Enum.IsDefined(request.Task), "task", "is not one of the tasks");
        var maxTokens = request.MaxOutputTokens > 0 ? request.MaxOutputTokens : Math.Min(DefaultMaxTokens, options.MaxOutputTokens);
        var label = Spec(request.Decoding, "decoding");
        RpcFailure.Require(request.RationaleDecoding is null || request.Task == PredictionTask.Both, "rationale_decoding", "is for the task BOTH");
        RpcFailure.Require(!request.CheckConsistency || request.Task == PredictionTask.Both, "check_consistency", "is for the task BOTH");
        var rationale = request.RationaleDecoding is null ? label : Spec(request.RationaleDecoding, "rationale_decoding");
        CheckCandidates(request, label);
        return new Ask
        {
            Segments = [.. request.Segments],
            Task = request.Task,
            GivenLabel = request.GivenLabel,
            GivenRationale = request.GivenRationale,
            MaxTokens = maxTokens,
            LabelDecoding = label,
            RationaleDecoding = rationale,
            Candidates = request.Candidates,
            TokenLimit = options.MaxOutputTokens,
            Caller = caller,
            WantsDeltas = wantsDeltas,
            ChecksConsistency = request.CheckConsistency,
            Stores = request.HasStore ? request.Store : caller.Priority == Priority.Interactive,
        };

        DecodingSpec Spec(DecodingOptions? wire, string field) => DecodingSpec.Read(wire, field, maxTokens, request.TopLogProbabilities, options.MaxStepRows);
    }

    /// <summary>A request of the streaming call as one of the other.</summary>
    public static PredictRequest Same(StreamPredictRequest request)
    {
        var same = new PredictRequest
        {
            Model = request.Model,
            Segments = { request.Segments },
            Task = request.Task,
            MaxOutputTokens = request.MaxOutputTokens,
            TopLogProbabilities = request.TopLogProbabilities,
            GivenLabel = request.GivenLabel,
            GivenRationale = request.GivenRationale,
            Decoding = request.Decoding,
            RationaleDecoding = request.RationaleDecoding,
            Candidates = { request.Candidates },
            RoutingKey = request.RoutingKey,
            CheckConsistency = request.CheckConsistency,
        };
        if (request.HasStore)
        {
            same.Store = request.Store;
        }

        return same;
    }

    /// <summary>Refuses what a model has not learnt: it would answer something.</summary>
    /// <exception cref="Grpc.Core.RpcException">FAILED_PRECONDITION.</exception>
    public static void RequireAble(string model, ModelCard card, PredictRequest request)
    {
        if (card.LacksRationales && request.Task is (PredictionTask.Rationale or PredictionTask.Both))
        {
            throw RpcFailure.FailedPrecondition("NO_RATIONALE_TASK", $"{model} was trained on labels alone, and cannot explain them.");
        }

        if (request.GivenLabel.Length > 0)
        {
            RpcFailure.Require(request.Task == PredictionTask.Rationale, "given_label", "is explained with the task RATIONALE");
            if (!card.ExplainsGivenLabel)
            {
                throw RpcFailure.FailedPrecondition("NO_GIVEN_LABEL_TASK", $"{model} has not learnt to explain a given label (explained_label_weight).");
            }
        }

        if (request.GivenRationale.Length > 0 && card.Form != PredictionForm.LabelFromRationale)
        {
            throw RpcFailure.FailedPrecondition("NO_GIVEN_RATIONALE", $"{model} does not read its label from a rationale.");
        }

        if (card.Form == PredictionForm.RationaleThenLabel && request.RationaleDecoding is not null)
        {
            throw RpcFailure.FailedPrecondition("ONE_TEXT", $"{model} writes rationale and label as one text: it takes no rationale_decoding.");
        }
    }

    /// <summary>Refuses more text than a caller may send.</summary>
    /// <exception cref="Grpc.Core.RpcException">INVALID_ARGUMENT, with the field.</exception>
    public void RequireLength(IEnumerable<string> texts, string with) => RpcFailure.Require(
        texts.Sum(text => (long)text.Length) <= options.MaxInputCharacters, "segments", $"may have {options.MaxInputCharacters} characters in all, {with}");

    private void CheckInput(PredictRequest request)
    {
        RpcFailure.Require(request.Segments.Count > 0 && !request.Segments.Any(string.IsNullOrWhiteSpace), "segments", "must hold at least one text, and none may be empty");
        RpcFailure.Require(request.GivenLabel.Length <= MaxGivenLabel, "given_label", $"may have {MaxGivenLabel} characters");
        RequireLength([.. request.Segments, request.GivenLabel, request.GivenRationale], "with given_label and given_rationale");
    }

    private void CheckCandidates(PredictRequest request, DecodingSpec label)
    {
        if (request.Candidates.Count == 0)
        {
            return;
        }

        RpcFailure.Require(request.Task != PredictionTask.Rationale, "candidates", "are labels, and none is asked for");
        RpcFailure.Require(label.Prefix.Length == 0, "decoding.prefix", "must be empty with candidates");
        RpcFailure.Require(label.Stops.Count == 0, "decoding.stop", "must be empty with candidates");
        RpcFailure.Require(label.Options.NoRepeatNgram == 0, "decoding.no_repeat_ngram_size", "must be 0 with candidates: it might leave none");
        CandidateSet.Check(request.Candidates);
        RpcFailure.Require(request.Candidates.Sum(label => (long)label.Length) <= options.MaxInputCharacters, "candidates", $"may have {options.MaxInputCharacters} characters in all");
    }
}
