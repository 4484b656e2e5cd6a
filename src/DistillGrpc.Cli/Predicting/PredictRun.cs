using System.Collections.Concurrent;
using DistillGrpc.Cli.Data;
using DistillGrpc.Client;
using DistillGrpc.Contracts.V1;
using Grpc.Core;

namespace DistillGrpc.Cli.Predicting;

/// <summary>Rows through a running Student, in one call: as they are read they are sent, as they are answered they are written.</summary>
internal sealed class PredictRun(DataSource data, PredictRequest request, FileInfo? output, bool whole)
{
    // What is asked and not yet answered.
    private readonly ConcurrentDictionary<string, ulong> _asked = new(StringComparer.Ordinal);
    private long _kept;
    private long _rows;
    private long _refused;
    private string _failure = "";

    /// <summary>Answers them.</summary>
    /// <exception cref="InvalidDataException">Rows were refused, or what is asked of all of them was.</exception>
    public async Task RunAsync(InferenceClient student, CancellationToken cancellationToken)
    {
        if (output is null)
        {
            await AskAsync(student, data.ReadAsync(cancellationToken), (answer, _) => Console.Out.WriteLineAsync(AnswerLine.Write(answer, whole)), cancellationToken);
        }
        else
        {
            await FillAsync(student, output, cancellationToken);
        }

        if (_refused > 0)
        {
            var all = _kept + _rows;
            throw new InvalidDataException(_refused == all ? $"No row was answered: {_failure}" : $"{_refused} of {all} rows were refused; the last one: {_failure}");
        }
    }

    private async Task FillAsync(InferenceClient student, FileInfo file, CancellationToken cancellationToken)
    {
        if (data.IsIn(file))
        {
            throw new InvalidDataException($"--out: {file} is what is read.");
        }

        var total = await data.CountAsync(cancellationToken);
        await using var answers = await AnswerFile.OpenAsync(file, cancellationToken);
        if (total is not null && answers.HasAnswers)
        {
            // An answer to something else is found before anything is asked; of a pipe, which is read once, when its row comes.
            await foreach (var row in data.ReadAsync(cancellationToken))
            {
                answers.Has(row.Id, HashOf(row));
            }
        }

        var progress = new RowProgress(new ProgressLine(), TimeProvider.System);
        try
        {
            await AskAsync(student, data.ReadAsync(cancellationToken).Where(row => !IsThere(row)), WriteAsync, cancellationToken);
        }
        finally
        {
            progress.Clear();
        }

        await Console.Error.WriteLineAsync($"{_rows - _refused} rows answered, {_refused} refused, {_kept} were there.");

        bool IsThere(Example row)
        {
            var isThere = answers.Has(row.Id, HashOf(row));
            _ = isThere ? Interlocked.Increment(ref _kept) : 0;
            return isThere;
        }

        async Task WriteAsync(BatchPredictResponse answer, ulong asked)
        {
            await answers.WriteAsync(AnswerLine.Write(answer, whole, asked), cancellationToken);
            var kept = Interlocked.Read(ref _kept);
            progress.Show(kept + _rows, total, "", kept);
        }
    }

    private async Task AskAsync(InferenceClient student, IAsyncEnumerable<Example> rows, Func<BatchPredictResponse, ulong, Task> write, CancellationToken cancellationToken)
    {
        var requests = rows.Select(row =>
        {
            var asked = RequestOf(row);
            _asked[row.Id] = AnswerLine.HashOf(asked, whole);
            return new BatchPredictRequest { Id = row.Id, Request = asked };
        });
        await foreach (var answer in student.BatchPredictAsync(requests, cancellationToken))
        {
            if (answer.Error is { } refusal)
            {
                _failure = FieldOptions.Named(refusal);
                _refused += ConcernsEveryRow(refusal) ? throw new InvalidDataException(_failure) : 1;
            }

            _rows++;
            await write(answer, _asked.TryRemove(answer.Id, out var asked) ? asked : throw new InvalidDataException($"The Student answered '{answer.Id}', which it was not asked."));
        }
    }

    // What an option or the model has caused is so for the next row too: there may be a million of them.
    private static bool ConcernsEveryRow(RowError refusal) =>
        (StatusCode)refusal.Code == StatusCode.NotFound || FieldOptions.Of(refusal.Field) is not null || ((StatusCode)refusal.Code == StatusCode.FailedPrecondition && refusal.Reason != "NO_RATIONALE");

    private ulong HashOf(Example row) => AnswerLine.HashOf(RequestOf(row), whole);

    private PredictRequest RequestOf(Example row)
    {
        var asked = request.Clone();
        asked.Segments.AddRange(row.Segments);
        return asked;
    }
}
