using DistillGrpc.Contracts.V1;
using DistillGrpc.Hosting;

namespace DistillGrpc.Student.Training.Jobs;

/// <summary>Brings the rows of a job together: those that came with the call, those of an extraction, and what the Teacher says to rows that lack something.</summary>
internal sealed class JobRows(RowTeacher teacher, ExtractionRows extractions, StudentOptions options)
{
    /// <summary>The rows to learn from. What was brought together once is read from the disk.</summary>
    /// <param name="spec">The run.</param>
    /// <param name="folder">The job's.</param>
    /// <param name="report">Takes the events.</param>
    /// <param name="cancellationToken">Ends the work.</param>
    /// <exception cref="Grpc.Core.RpcException">There are too many, or none; or as <see cref="RowTeacher.ExplainAsync"/> and <see cref="ExtractionRows.ReadAsync"/>.</exception>
    /// <returns>The rows, and how many of them the Teacher has explained now.</returns>
    public async Task<(IReadOnlyList<Example> Rows, int Taught)> CollectAsync(RunSpec spec, JobFolder folder, Func<TrainingEvent, ValueTask> report, CancellationToken cancellationToken)
    {
        if (File.Exists(folder.Rows))
        {
            return ([.. RowFile.Read(folder.Rows)], 0);
        }

        var (source, rows) = (spec.Source.Teacher, new List<Example>());
        AddAll(rows, JobFolder.Read(folder.Sent));
        if (source is { Extraction.Length: > 0 })
        {
            var known = rows.Concat(HeldOut(folder)).Select(row => row.Id).ToHashSet(StringComparer.Ordinal);
            await foreach (var row in extractions.ReadAsync(source.Extraction, report, cancellationToken))
            {
                AddAll(rows, known.Add(row.Id) ? [row] : []);
            }

            RpcFailure.Require(rows.Count > 0, "spec.teacher.extraction", "has no row that is fit to train on");
        }

        RpcFailure.Require(rows.Count > 0, "example", "there is no row to learn from");
        var taught = source is null ? 0 : await teacher.ExplainAsync(source, [.. rows.Where(row => RunRows.NeedsTeacher(spec, row))], spec.StepByStep, report, cancellationToken);
        using var file = new RowFile(folder.Rows);
        rows.ForEach(file.Add);
        file.Publish();
        return (rows, taught);
    }

    /// <summary>The held-out rows.</summary>
    public IReadOnlyList<Example> HeldOut(JobFolder folder) => [.. JobFolder.Read(folder.SentHeldOut)];

    private void AddAll(List<Example> rows, IEnumerable<Example> more)
    {
        rows.AddRange(more);
        if (rows.Count > options.MaxRows)
        {
            throw RpcFailure.ResourceExhausted("TOO_MANY_ROWS", $"A run may have {options.MaxRows} rows.", TimeSpan.Zero);
        }
    }
}
