namespace DistillGrpc.Teacher.Symbolic;

/// <summary>
/// Makes word problems: someone has things, three events change how many, and one or two sentences with numbers have nothing
/// to do with it. No two problems of one generator share both their frames and their numbers.
/// </summary>
internal sealed class ProblemGenerator(int seed)
{
    private static readonly string[] Names = ["Mia", "Tom", "Lena", "Omar", "Ada", "Noah"];
    private static readonly string[] Things = ["apples", "marbles", "stickers", "pencils", "shells", "coins"];
    private static readonly SentenceKind[] Changes = [SentenceKind.Gain, SentenceKind.Loss, SentenceKind.Packs, SentenceKind.Gift];

    private const int Events = 3;

    private readonly Random _random = new(seed);
    private readonly HashSet<string> _made = new(StringComparer.Ordinal);

    /// <summary>The next problem, solvable and unlike all before it.</summary>
    public string Next()
    {
        while (true)
        {
            var (text, signature) = Make();
            if (ProblemSolver.TrySolve(text, out var solution, out _) && solution.Answer >= 0 && _made.Add(signature))
            {
                return text;
            }
        }
    }

    private (string Text, string Signature) Make()
    {
        var names = Pick(Names, 2);
        var thing = Things[_random.Next(Things.Length)];
        var sentences = new List<Sentence> { new(SentenceKind.Start, names[0], thing, _random.Next(20, 100)) };
        for (var i = 0; i < Events; i++)
        {
            sentences.Add(Event(names, thing));
        }

        sentences.Insert(_random.Next(sentences.Count), Aside());
        if (_random.Next(3) == 0)
        {
            sentences.Insert(_random.Next(sentences.Count), Aside());
        }

        sentences.Add(new Sentence(SentenceKind.Question, names[0], thing));
        var frames = sentences.ConvertAll(sentence => SentenceFrames.Of(sentence.Kind)[_random.Next(SentenceFrames.Of(sentence.Kind).Count)]);
        var signature = string.Join('|', frames.Zip(sentences, (frame, s) => $"{frame.Write(new Sentence(s.Kind, "A", "b", s.Count, s.Size, "C"))}"));
        return (string.Join(' ', frames.Zip(sentences, (frame, sentence) => frame.Write(sentence))), signature);
    }

    private Sentence Event(string[] names, string thing)
    {
        var kind = Changes[_random.Next(Changes.Length)];
        return kind == SentenceKind.Packs
            ? new Sentence(kind, names[0], thing, _random.Next(2, 10), _random.Next(2, 10))
            : new Sentence(kind, names[0], thing, _random.Next(2, 20), Other: names[1]);
    }

    private Sentence Aside() => new(SentenceKind.Aside, Count: _random.Next(2, 100));

    private string[] Pick(string[] from, int count) => [.. Shuffled(from).Take(count)];

    private IEnumerable<T> Shuffled<T>(IEnumerable<T> items)
    {
        var order = items.ToArray();
        _random.Shuffle(order);
        return order;
    }
}
