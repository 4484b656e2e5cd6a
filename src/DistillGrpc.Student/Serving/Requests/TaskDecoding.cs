using DistillGrpc.Hosting;
using DistillGrpc.Modeling.Decoding;
using DistillGrpc.Student.Models;

namespace DistillGrpc.Student.Serving.Requests;

/// <summary>How a task is written, in a model's tokens.</summary>
internal sealed class TaskDecoding
{
    // Some are left for the task's own prefix, where that is on the decoder.
    private const int MaxForced = DecodingOptions.MostPrefixTokens / 2;

    /// <summary>Makes tokens of what a caller wants.</summary>
    /// <param name="model">The model.</param>
    /// <param name="spec">What the caller wants.</param>
    /// <param name="field">The field that it stands in, for refusals.</param>
    /// <param name="candidates">What the answer is one of; empty for anything.</param>
    /// <param name="tokenLimit">Most tokens of any part.</param>
    /// <exception cref="Grpc.Core.RpcException">INVALID_ARGUMENT where the model cannot write that, or a prefix has too many tokens.</exception>
    public TaskDecoding(ServingModel model, DecodingSpec spec, string field, IReadOnlyList<string> candidates, int tokenLimit)
    {
        (Spec, Forced) = (spec, spec.Prefix.Length == 0 ? [] : model.Tokenizer.Encode(spec.Prefix));
        var most = Math.Min(tokenLimit, MaxForced);
        RpcFailure.Require(Forced.Length <= most, $"{field}.prefix", $"may have {most} tokens");
        Candidates = candidates.Count == 0 ? null : model.Candidates.Of(candidates, tokenLimit);
    }

    /// <summary>What the caller wants.</summary>
    public DecodingSpec Spec { get; }

    /// <summary>What the text begins with.</summary>
    public int[] Forced { get; }

    /// <summary>What the text is one of, or null.</summary>
    public CandidateSet? Candidates { get; }

    /// <summary>Whether text can be sent while it is written.</summary>
    public bool IsStreamed => Spec.IsOneAnswer && Candidates is null;

    /// <summary>What beams are ranked with; 0 for samples, whose length does not count.</summary>
    public double LengthPenalty => Spec.Options.Beams > 1 ? Spec.Options.LengthPenalty : 0;

    /// <summary>What a generation takes.</summary>
    /// <param name="taskPrefix">What the task's decoder begins with.</param>
    public DecodingOptions Options(IReadOnlyList<int> taskPrefix)
    {
        var options = Spec.Options with { Prefix = [.. taskPrefix, .. Forced] };
        return Candidates is null ? options : options with { Allowed = Candidates.Allowed, MaxTokens = Candidates.Allowed.Longest, LogProbabilities = true };
    }
}
