using DistillGrpc.Modeling.Tokenizers;

namespace DistillGrpc.Student.Serving.Requests;

/// <summary>The label sets that a model was asked with last: a service asks with the same one again and again, and a large one takes a while to make.</summary>
/// <param name="tokenizer">The model's.</param>
internal sealed class CandidateSets(ITokenizer tokenizer)
{
    private const int MostKept = 8;
    private readonly Lock _lock = new();
    private readonly LinkedList<(string[] Labels, int MaxTokens, CandidateSet Set)> _kept = [];

    /// <summary>The set of some labels, as <see cref="CandidateSet"/> makes it.</summary>
    /// <exception cref="Grpc.Core.RpcException">INVALID_ARGUMENT where the model cannot write one.</exception>
    public CandidateSet Of(IReadOnlyList<string> labels, int maxTokens, string field = "candidates")
    {
        lock (_lock)
        {
            for (var node = _kept.First; node is not null; node = node.Next)
            {
                if (node.Value.MaxTokens == maxTokens && node.Value.Labels.Length == labels.Count && node.Value.Labels.SequenceEqual(labels, StringComparer.Ordinal))
                {
                    _kept.Remove(node);
                    _kept.AddFirst(node);
                    return node.Value.Set;
                }
            }
        }

        var set = new CandidateSet(tokenizer, labels, maxTokens, field);
        lock (_lock)
        {
            _kept.AddFirst(([.. labels], maxTokens, set));
            if (_kept.Count > MostKept)
            {
                _kept.RemoveLast();
            }
        }

        return set;
    }
}
