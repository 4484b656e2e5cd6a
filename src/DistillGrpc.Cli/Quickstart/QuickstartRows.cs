using DistillGrpc.Client.Examples;
using DistillGrpc.Contracts.V1;
using DistillGrpc.Teacher.Symbolic;

namespace DistillGrpc.Cli.Quickstart;

/// <summary>Rows to learn from, without what the teacher says about them, and rows to evaluate on.</summary>
internal sealed record QuickstartRows(IReadOnlyList<Example> Training, IReadOnlyList<Example> HeldOut)
{
    private const int HeldOutShare = 5;

    /// <summary>The embedded teacher's problems: all different, so that none is held out and learnt.</summary>
    public static QuickstartRows Make(QuickstartOptions options)
    {
        var problems = new ProblemGenerator(options.Seed);
        var all = Enumerable.Range(0, options.Rows + options.HeldOut).Select(i =>
        {
            var text = problems.Next();
            ProblemSolver.TrySolve(text, out var solution, out _);
            return new Example { Id = $"problem-{i}", Label = solution.Equation, Segments = { text } };
        }).ToArray();
        return new QuickstartRows(all[..options.Rows], all[options.Rows..]);
    }

    /// <summary>Recorded rows.</summary>
    /// <exception cref="InvalidDataException">A row cannot be used.</exception>
    public static async Task<QuickstartRows> ReadAsync(QuickstartOptions options, CancellationToken cancellationToken)
    {
        var training = await ReadAsync(options.Data!, cancellationToken);
        if (options.EvalData is not null)
        {
            return new QuickstartRows(training, Labelled(await ReadAsync(options.EvalData, cancellationToken), options.EvalData));
        }

        // Rows of a group stay together: the groups are shuffled, not the rows.
        var groups = training.GroupBy(row => row.Group.Length > 0 ? row.Group : row.Id, StringComparer.Ordinal).ToArray();
        if (groups.Length < HeldOutShare)
        {
            throw new InvalidDataException($"{options.Data!.Name} has {groups.Length} groups of rows; a fifth of at least {HeldOutShare} is held out. Give --eval-data instead.");
        }

        new Random(options.Seed).Shuffle(groups);
        var heldOut = new HashSet<string>(StringComparer.Ordinal);
        foreach (var group in groups)
        {
            if (heldOut.Count >= Math.Max(1, training.Count / HeldOutShare))
            {
                break;
            }

            heldOut.UnionWith(group.Select(row => row.Id));
        }

        return new QuickstartRows(
            [.. training.Where(row => !heldOut.Contains(row.Id))], Labelled([.. training.Where(row => heldOut.Contains(row.Id))], options.Data!));
    }

    private static async Task<List<Example>> ReadAsync(FileInfo file, CancellationToken cancellationToken)
    {
        if (!file.Exists)
        {
            throw new InvalidDataException($"There is no file '{file}'.");
        }

        var rows = await ExampleFile.ReadAsync(file.FullName, cancellationToken).ToListAsync(cancellationToken);
        foreach (var row in rows)
        {
            (row.Rationale, row.TeacherLabel) = ("", "");
        }

        return rows.Count > 0 ? rows : throw new InvalidDataException($"{file.Name} holds no rows.");
    }

    private static List<Example> Labelled(List<Example> rows, FileInfo file)
    {
        var labelled = rows.FindAll(row => row.Label.Length > 0);
        return labelled.Count > 0 ? labelled : throw new InvalidDataException($"{file.Name} holds no held-out row with a label.");
    }
}
