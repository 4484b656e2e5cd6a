using DistillGrpc.Hosting;
using DistillGrpc.Modeling.Decoding;
using DistillGrpc.Modeling.Tokenizers;
using DistillGrpc.Student.Models;

namespace DistillGrpc.Student.Serving.Requests;

/// <summary>The labels that an answer is one of.</summary>
internal sealed class CandidateSet
{
    public const int MaxCandidates = 10_000;
    public const int MaxLength = 1000;
    private readonly ITokenizer _tokenizer;
    private readonly Dictionary<string, string> _byText = new(StringComparer.Ordinal);

    /// <summary>Makes a set.</summary>
    /// <param name="tokenizer">The model's.</param>
    /// <param name="labels">The labels, as <see cref="Check"/> leaves them.</param>
    /// <param name="maxTokens">Most tokens of a label, with that which ends it.</param>
    /// <param name="field">What they came in.</param>
    /// <exception cref="Grpc.Core.RpcException">INVALID_ARGUMENT where the model cannot write one.</exception>
    public CandidateSet(ITokenizer tokenizer, IReadOnlyList<string> labels, int maxTokens, string field = "candidates")
    {
        _tokenizer = tokenizer;
        var sequences = new int[labels.Count][];
        for (var i = 0; i < sequences.Length; i++)
        {
            var ids = tokenizer.Encode(labels[i]);
            RpcFailure.Require(CanWrite(tokenizer, ids), $"{field}[{i}]", "is nothing that the model can write: its vocabulary lacks a character");
            RpcFailure.Require(ids.Length < maxTokens, $"{field}[{i}]", $"may have {maxTokens - 1} tokens");
            sequences[i] = [.. ids, tokenizer.EosId];
            _byText.TryAdd(tokenizer.Decode(ids), labels[i]);
        }

        Allowed = new TokenTrie(sequences);
    }

    /// <summary>Their tokens.</summary>
    public TokenTrie Allowed { get; }

    /// <summary>The labels that a model has learnt; null where it has none, or cannot write all of them.</summary>
    /// <param name="model">The model.</param>
    /// <param name="maxTokens">Most tokens of a label, with that which ends it.</param>
    public static CandidateSet? Of(ServingModel model, int maxTokens) => Of(model.Tokenizer, model.Card.Labels, maxTokens);

    /// <summary>The same, of its tokenizer and its labels.</summary>
    public static CandidateSet? Of(ITokenizer tokenizer, IReadOnlyList<string> labels, int maxTokens) =>
        labels.Count > 0 && labels.All(label => tokenizer.Encode(label) is var ids && CanWrite(tokenizer, ids) && ids.Length < maxTokens)
            ? new CandidateSet(tokenizer, labels, maxTokens, "labels")
            : null;

    /// <summary>Checks labels without a model.</summary>
    /// <param name="labels">The labels.</param>
    /// <param name="field">What they came in.</param>
    /// <param name="most">How many there may be.</param>
    /// <exception cref="Grpc.Core.RpcException">INVALID_ARGUMENT.</exception>
    public static void Check(IReadOnlyList<string> labels, string field = "candidates", int most = MaxCandidates)
    {
        RpcFailure.Require(labels.Count <= most, field, $"may have {most} labels");
        for (var i = 0; i < labels.Count; i++)
        {
            RpcFailure.Require(!string.IsNullOrWhiteSpace(labels[i]) && labels[i].Length <= MaxLength, $"{field}[{i}]", $"must have 1 to {MaxLength} characters, and not be blank");
        }
    }

    /// <summary>The label as the caller wrote it.</summary>
    public string LabelOf(string written) => _byText.GetValueOrDefault(written, written);

    /// <summary>The labels in the order of <see cref="TokenTrie.Sequences"/>; of those that are written alike the first.</summary>
    public string[] InOrder() => [.. Allowed.Sequences.Select(sequence => LabelOf(_tokenizer.Decode(sequence[..^1])))];

    private static bool CanWrite(ITokenizer tokenizer, int[] ids) => ids.Length > 0 && !ids.Contains(tokenizer.UnkId);
}
