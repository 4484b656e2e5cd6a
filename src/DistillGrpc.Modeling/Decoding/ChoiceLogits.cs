namespace DistillGrpc.Modeling.Decoding;

/// <summary>
/// What a model gives at every choice between a trie's sequences: enough to say how likely each of them is at any temperature. A sequence's probability is
/// the product, over the tokens of which there was a choice, of the softmax over the tokens that might come there, as constrained sampling draws it; those
/// of all sequences add up to 1.
/// </summary>
public sealed class ChoiceLogits
{
    private readonly float[][] _logits;

    /// <summary>Takes the logits.</summary>
    /// <param name="allowed">The sequences.</param>
    /// <param name="logits">Those of the tokens that may follow, ascending, for every beginning that several may follow: in the order of ids, longer beginnings before what they begin with.</param>
    /// <exception cref="ArgumentException">There are more or fewer choices.</exception>
    public ChoiceLogits(TokenTrie allowed, IReadOnlyList<float[]> logits)
    {
        (Allowed, _logits) = (allowed, [.. logits]);
        if (_logits.Length != allowed.Choices)
        {
            throw new ArgumentException($"There are {allowed.Choices} choices, not {_logits.Length}.", nameof(logits));
        }
    }

    /// <summary>The sequences.</summary>
    public TokenTrie Allowed { get; }

    /// <summary>The logarithm (natural) of every sequence's probability, in the order of <see cref="TokenTrie.Sequences"/>.</summary>
    /// <param name="temperature">What the logits are divided by; above 0.</param>
    /// <exception cref="ArgumentOutOfRangeException">It is not above 0.</exception>
    public double[] LogProbabilities(double temperature = 1)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(temperature);
        var of = new double[Allowed.Sequences.Count];
        var next = 0;
        Walk(Allowed.Root, 0);
        return of;

        // Children are in the order of their ids, and so sequences in theirs.
        void Walk(TokenTrieNode node, double before)
        {
            if (node.Next.Length == 0)
            {
                of[next++] = before;
                return;
            }

            var logits = node.Choice < 0 ? [] : _logits[node.Choice];
            var sum = node.Choice < 0 ? 0 : LogSumExp(logits, temperature);
            for (var i = 0; i < node.Next.Length; i++)
            {
                Walk(node.Children[i], node.Choice < 0 ? before : before + (logits[i] / temperature) - sum);
            }
        }
    }

    // In double precision, so that probabilities of thousands of sequences still add up to 1.
    private static double LogSumExp(float[] logits, double temperature)
    {
        double max = LogitMath.Max(logits);
        var sum = 0.0;
        foreach (var logit in logits)
        {
            sum += Math.Exp((logit - max) / temperature);
        }

        return (max / temperature) + Math.Log(sum);
    }
}
