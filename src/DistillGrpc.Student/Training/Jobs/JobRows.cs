using DistillGrpc.Contracts.V1;
using DistillGrpc.Hosting;
using DistillGrpc.Student.Datasets;

namespace DistillGrpc.Student.Training.Jobs;

/// <summary>
/// Brings the rows of a job together: those of its dataset, those that came with the call, those of an extraction, and what the Teacher
/// says to rows that lack something. They are kept as a dataset.
/// </summary>
internal sealed class JobRows(DatasetStore datasets, RowTeacher teacher, ExtractionRows extractions, InventedRows inventions, StudentOptions options)
{
    /// <summary>The dataset to learn from. What was brought together once is not again.</summary>
    /// <param name="job">The job.</param>
    /// <param name="spec">Its run.</param>
    /// <param name="folder">Its folder.</param>
    /// <param name="report">Takes the events.</param>
    /// <param name="cancellationToken">Ends the work.</param>
    /// <exception cref="Grpc.Core.RpcException">There are too many rows, or none; or as <see cref="RowTeacher.ExplainAsync"/> and <see cref="ExtractionRows.ReadAsync"/>.</exception>
    /// <returns>The dataset, its rows, and how many of them the Teacher has explained now.</returns>
    public async Task<(StoredDataset Dataset, IReadOnlyList<Example> Rows, int Taught)> CollectAsync(
        StoredJob job, RunSpec spec, JobFolder folder, Func<TrainingEvent, ValueTask> report, CancellationToken cancellationToken)
    {
        if (folder.Dataset is { Length: > 0 } collected)
        {
            var before = datasets.Find(collected, "spec.dataset");
            return (before, [.. datasets.Read(before)], 0);
        }

        var (source, rows, known) = (spec.Source.Teacher, new List<Example>(), new HashSet<string>(StringComparer.Ordinal));
        var given = AddGiven(spec, folder, rows, known);
        await AddInventedAsync(source, rows, known, report, cancellationToken);
        if (source is { Extraction.Length: > 0 })
        {
            known.UnionWith(HeldOut(spec, folder).Select(row => row.Id));
            await foreach (var row in extractions.ReadAsync(source.Extraction, report, cancellationToken))
            {
                AddAll(rows, known, [row]);
            }

            RpcFailure.Require(rows.Count > 0, "spec.teacher.extraction", "has no row that is fit to train on");
        }

        RpcFailure.Require(rows.Count > 0, "example", "there is no row to learn from");
        var taught = source is null ? 0 : await teacher.ExplainAsync(source, [.. rows.Where(row => RunRows.NeedsTeacher(spec, row))], spec, report, null, cancellationToken);
        // Where nothing came to it the dataset is the one that there is.
        var dataset = given is not null && taught == 0 && rows.Count == given.Dataset.Rows ? given : Keep(job, rows);
        folder.Dataset = dataset.Dataset.Name;
        return (dataset, rows, taught);
    }

    /// <summary>Brings the rows into a feed as they come, the sooner the less they lack. Those that came before are not asked for again.</summary>
    /// <param name="spec">The run.</param>
    /// <param name="folder">The job's folder.</param>
    /// <param name="feed">Takes them.</param>
    /// <param name="report">Takes the events.</param>
    /// <param name="cancellationToken">Ends the work.</param>
    /// <exception cref="Grpc.Core.RpcException">As <see cref="CollectAsync"/>.</exception>
    /// <returns>How many of them the Teacher has explained now.</returns>
    public async Task<int> FeedAsync(RunSpec spec, JobFolder folder, RowFeed feed, Func<TrainingEvent, ValueTask> report, CancellationToken cancellationToken)
    {
        var (source, rows, known) = (spec.Source.Teacher, new List<Example>(), new HashSet<string>(StringComparer.Ordinal));
        AddGiven(spec, folder, rows, known);
        feed.Inputs = [.. rows.SelectMany(row => row.Segments)];
        await AddInventedAsync(source, rows, known, report, cancellationToken);
        foreach (var row in rows.Where(row => !RunRows.NeedsTeacher(spec, row)))
        {
            feed.Append(row);
        }

        var taught = await teacher.ExplainAsync(source, [.. rows.Where(row => RunRows.NeedsTeacher(spec, row) && !feed.Has(row.Id))], spec, report, feed.Append, cancellationToken);
        if (source.Extraction.Length > 0)
        {
            known.UnionWith(HeldOut(spec, folder).Select(row => row.Id));
            await foreach (var row in extractions.ReadAsync(source.Extraction, report, cancellationToken))
            {
                if (known.Add(row.Id))
                {
                    feed.Append(row);
                    RequireRoom(known.Count);
                }
            }
        }

        // What the Teacher could not explain may still be learnt by its label.
        foreach (var row in rows)
        {
            feed.Append(row);
        }

        return taught;
    }

    /// <summary>Makes a dataset of the rows that a run has learnt from, in their order.</summary>
    public StoredDataset Keep(StoredJob job, JobFolder folder, IReadOnlyList<Example> rows)
    {
        var dataset = folder.Dataset is { Length: > 0 } kept ? datasets.Find(kept, "spec.dataset") : Keep(job, rows);
        folder.Dataset = dataset.Dataset.Name;
        return dataset;
    }

    /// <summary>The held-out rows.</summary>
    /// <exception cref="Grpc.Core.RpcException">One has no label.</exception>
    public IReadOnlyList<Example> HeldOut(RunSpec spec, JobFolder folder)
    {
        List<Example> rows = [.. spec.Source.EvaluationDataset.Length > 0 ? datasets.Read(datasets.Find(spec.Source.EvaluationDataset, "spec.evaluation_dataset")) : [], .. JobFolder.Read(folder.SentHeldOut)];
        RpcFailure.Require(rows.TrueForAll(row => row.Label.Length > 0), "spec.evaluation_dataset", $"a held-out row needs a label (id {rows.Find(row => row.Label.Length == 0)?.Id})");
        return rows;
    }

    /// <summary>What rows of the run's datasets were kept together by when they were divided; their own groups where they were not, or where nobody knows any more.</summary>
    public Grouping Grouping(RunSpec spec) => new[] { spec.Source.EvaluationDataset, spec.Source.Dataset }.Where(name => name.Length > 0)
        .Select(name => datasets.All.FirstOrDefault(dataset => dataset.Dataset.Name.StartsWith(name, StringComparison.Ordinal))?.Dataset.Origin?.Split?.Grouping)
        .FirstOrDefault(grouping => grouping is not null) ?? new Grouping();

    /// <summary>The held-out rows with what the student reads to answer them: of a model that reads its label from a rationale, that.</summary>
    /// <exception cref="Grpc.Core.RpcException">As <see cref="HeldOut"/>; a row has no rationale, and there is no Teacher to ask, or it gave none.</exception>
    public async Task<IReadOnlyList<Example>> HeldOutAsync(RunSpec spec, JobFolder folder, Func<TrainingEvent, ValueTask> report, CancellationToken cancellationToken)
    {
        var rows = HeldOut(spec, folder);
        if (spec.Card.Form == PredictionForm.LabelFromRationale)
        {
            Example[] open = [.. rows.Where(row => row.Rationale.Length == 0)];
            _ = spec.Source.Teacher is { } source && open.Length > 0 ? await teacher.ExplainAsync(source, open, spec, report, null, cancellationToken) : 0;
            var without = open.FirstOrDefault(row => row.Rationale.Length == 0);
            RpcFailure.Require(without is null, "spec.evaluation_dataset", $"a held-out row needs a rationale to read its label from, and has none (id {without?.Id})");
        }

        return rows;
    }

    private StoredDataset Keep(StoredJob job, IReadOnlyList<Example> rows)
    {
        using var writer = datasets.Begin();
        foreach (var row in rows)
        {
            if (writer.Append(row) is { } refused)
            {
                throw RpcFailure.InvalidArgument(refused.Field.Replace("row.", "example.", StringComparison.Ordinal), $"{refused.Message} (id {row.Id})", refused.Reason);
            }
        }

        return writer.Publish(job.Spec.ModelId, new DatasetOrigin { Training = new TrainingOrigin { Job = job.Name } }).Dataset;
    }

    // Those of its dataset, and those that came with the call.
    private StoredDataset? AddGiven(RunSpec spec, JobFolder folder, List<Example> rows, HashSet<string> known)
    {
        var given = spec.Source.Dataset.Length > 0 ? datasets.Find(spec.Source.Dataset, "spec.dataset") : null;
        AddAll(rows, known, given is null ? [] : datasets.Read(given));
        AddAll(rows, known, JobFolder.Read(folder.Sent));
        return given;
    }

    private async Task AddInventedAsync(TeacherSource? source, List<Example> rows, HashSet<string> known, Func<TrainingEvent, ValueTask> report, CancellationToken cancellationToken)
    {
        if (source is { Invented: not null })
        {
            await foreach (var row in inventions.ReadAsync(source, [.. rows], report, cancellationToken))
            {
                AddAll(rows, known, [row]);
            }
        }
    }

    private void AddAll(List<Example> rows, HashSet<string> known, IEnumerable<Example> more)
    {
        rows.AddRange(more.Where(row => known.Add(row.Id)));
        RequireRoom(rows.Count);
    }

    private void RequireRoom(int rows)
    {
        if (rows > options.MaxRows)
        {
            throw RpcFailure.ResourceExhausted("TOO_MANY_ROWS", $"A run may have {options.MaxRows} rows.", TimeSpan.Zero);
        }
    }
}
