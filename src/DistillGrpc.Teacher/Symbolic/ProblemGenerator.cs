namespace DistillGrpc.Teacher.Symbolic;

/// <summary>
/// Makes word problems: two people, two kinds of things, several sentences of which only some are about what the question
/// asks. No two problems of one generator share both their frames and their numbers.
/// </summary>
internal sealed class ProblemGenerator(int seed)
{
    private static readonly string[] Names = ["Mia", "Tom", "Lena", "Omar", "Ada", "Noah", "Ines", "Paul", "Yuki", "Sara", "Ben", "Zoe"];
    private static readonly string[] Things = ["apples", "marbles", "stickers", "pencils", "shells", "coins", "cards", "books", "beads", "stamps", "nuts", "stones"];
    private static readonly SentenceKind[] Changes = [SentenceKind.Gain, SentenceKind.Loss, SentenceKind.Packs, SentenceKind.Gift];

    private readonly Random _random = new(seed);
    private readonly HashSet<string> _made = new(StringComparer.Ordinal);

    /// <summary>The next problem, solvable and unlike all before it.</summary>
    public string Next()
    {
        while (true)
        {
            var (text, signature) = Make();
            if (ProblemSolver.TrySolve(text, out var solution, out _) && solution.Answer >= 0 && solution.Steps.Count is 2 or 3 && _made.Add(signature))
            {
                return text;
            }
        }
    }

    private (string Text, string Signature) Make()
    {
        var names = Pick(Names, 2);
        var things = Pick(Things, 2);
        var sentences = new List<Sentence>
        {
            new(SentenceKind.Start, names[0], things[0], _random.Next(20, 100)),
            _random.Next(2) == 0
                ? new(SentenceKind.Start, names[0], things[1], _random.Next(20, 100))
                : new(SentenceKind.Start, names[1], things[0], _random.Next(20, 100)),
        };
        sentences = [.. Shuffled(sentences)];
        for (var i = 0; i < 3; i++)
        {
            sentences.Add(Change(names, things));
        }

        if (_random.Next(3) == 0)
        {
            sentences.Insert(_random.Next(sentences.Count), new Sentence(SentenceKind.Aside, Count: _random.Next(2, 100)));
        }

        sentences.Add(new Sentence(SentenceKind.Question, names[0], things[0]));
        var frames = sentences.ConvertAll(sentence => SentenceFrames.Of(sentence.Kind)[_random.Next(SentenceFrames.Of(sentence.Kind).Count)]);
        var signature = string.Join('|', frames.Zip(sentences, (frame, s) => $"{frame.Write(new Sentence(s.Kind, "A", "b", s.Count, s.Size, "C"))}"));
        return (string.Join(' ', frames.Zip(sentences, (frame, sentence) => frame.Write(sentence))), signature);
    }

    private Sentence Change(string[] names, string[] things)
    {
        var kind = Changes[_random.Next(Changes.Length)];
        var giver = _random.Next(2);
        var thing = things[_random.Next(3) == 0 ? 1 : 0];
        return kind == SentenceKind.Packs
            ? new Sentence(kind, names[giver], thing, _random.Next(2, 10), _random.Next(2, 10))
            : new Sentence(kind, names[giver], thing, _random.Next(2, 20), Other: names[1 - giver]);
    }

    private string[] Pick(string[] from, int count) => [.. Shuffled(from).Take(count)];

    private IEnumerable<T> Shuffled<T>(IEnumerable<T> items)
    {
        var order = items.ToArray();
        _random.Shuffle(order);
        return order;
    }
}
