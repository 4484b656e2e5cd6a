using DistillGrpc.Hosting;
using DistillGrpc.Modeling.Decoding;
using DistillGrpc.Modeling.Tokenizers;

namespace DistillGrpc.Student.Serving.Requests;

/// <summary>The labels that an answer is one of.</summary>
internal sealed class CandidateSet
{
    public const int MaxCandidates = 10_000;
    public const int MaxLength = 1000;
    private readonly Dictionary<string, string> _byText = new(StringComparer.Ordinal);

    /// <summary>Makes a set.</summary>
    /// <param name="tokenizer">The model's.</param>
    /// <param name="labels">The labels, as <see cref="Check"/> leaves them.</param>
    /// <param name="maxTokens">Most tokens of a label, with that which ends it.</param>
    /// <exception cref="Grpc.Core.RpcException">INVALID_ARGUMENT where the model cannot write one.</exception>
    public CandidateSet(ITokenizer tokenizer, IReadOnlyList<string> labels, int maxTokens)
    {
        var sequences = new int[labels.Count][];
        for (var i = 0; i < sequences.Length; i++)
        {
            var ids = tokenizer.Encode(labels[i]);
            RpcFailure.Require(ids.Length > 0 && !ids.Contains(tokenizer.UnkId), $"candidates[{i}]", "is nothing that the model can write: its vocabulary lacks a character");
            RpcFailure.Require(ids.Length < maxTokens, $"candidates[{i}]", $"may have {maxTokens - 1} tokens");
            sequences[i] = [.. ids, tokenizer.EosId];
            _byText.TryAdd(tokenizer.Decode(ids), labels[i]);
        }

        Allowed = new TokenTrie(sequences);
    }

    /// <summary>Their tokens.</summary>
    public TokenTrie Allowed { get; }

    /// <summary>Checks labels without a model.</summary>
    /// <exception cref="Grpc.Core.RpcException">INVALID_ARGUMENT.</exception>
    public static void Check(IReadOnlyList<string> labels)
    {
        RpcFailure.Require(labels.Count <= MaxCandidates, "candidates", $"may have {MaxCandidates} labels");
        for (var i = 0; i < labels.Count; i++)
        {
            RpcFailure.Require(!string.IsNullOrWhiteSpace(labels[i]) && labels[i].Length <= MaxLength, $"candidates[{i}]", $"must have 1 to {MaxLength} characters, and not be blank");
        }
    }

    /// <summary>The label as the caller wrote it.</summary>
    public string LabelOf(string written) => _byText.GetValueOrDefault(written, written);
}
