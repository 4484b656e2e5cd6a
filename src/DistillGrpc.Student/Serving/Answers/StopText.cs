namespace DistillGrpc.Student.Serving.Answers;

/// <summary>A text that ends before the first of some stop texts, as it comes: what may be the beginning of one is held back.</summary>
internal sealed class StopText(IReadOnlyList<string> stops)
{
    private string _held = "";

    /// <summary>Whether a stop text was there: the rest is nothing.</summary>
    public bool IsStopped { get; private set; }

    /// <summary>What has become certain with some more text.</summary>
    public string Append(string text)
    {
        if (stops.Count == 0)
        {
            return text;
        }

        var all = IsStopped ? "" : _held + text;
        var kept = FirstStop(all) is >= 0 and var first ? Stop(all.Length - first) : MaybeStop(all);
        _held = IsStopped ? "" : all[^kept..];
        return all[..^kept];
    }

    /// <summary>What was held back, as no more comes.</summary>
    public string Flush() => _held;

    private int Stop(int rest)
    {
        IsStopped = true;
        return rest;
    }

    private int FirstStop(string text)
    {
        var first = -1;
        foreach (var stop in stops)
        {
            var at = text.IndexOf(stop, StringComparison.Ordinal);
            first = at >= 0 && (first < 0 || at < first) ? at : first;
        }

        return first;
    }

    // Characters at the end that a stop text may begin with.
    private int MaybeStop(string text)
    {
        var most = 0;
        foreach (var stop in stops)
        {
            for (var count = Math.Min(stop.Length - 1, text.Length); count > most; count--)
            {
                if (text.AsSpan(text.Length - count).SequenceEqual(stop.AsSpan(0, count)))
                {
                    most = count;
                }
            }
        }

        return most;
    }
}
