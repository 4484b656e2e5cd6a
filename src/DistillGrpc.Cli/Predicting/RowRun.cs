using System.Collections.Concurrent;
using DistillGrpc.Cli.Data;
using DistillGrpc.Client;
using DistillGrpc.Contracts.V1;

namespace DistillGrpc.Cli.Predicting;

/// <summary>Rows through a running Student, in one call: as they are read they are sent, as they are answered they are written.</summary>
/// <param name="data">The rows.</param>
/// <param name="question">What is asked of them.</param>
/// <param name="output">Where the answers go; null for standard output.</param>
internal sealed class RowRun<TRequest, TAnswer>(DataSource data, IRowQuestion<TRequest, TAnswer> question, FileInfo? output)
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
            await AskAsync(student, data.ReadAsync(cancellationToken), (answer, _) => Console.Out.WriteLineAsync(question.Write(answer)), cancellationToken);
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

        await AskForTheRestAsync(student, answers, total, cancellationToken);
        await Console.Error.WriteLineAsync($"{_rows - _refused} rows answered, {_refused} refused, {_kept} were there.");
    }

    private async Task AskForTheRestAsync(InferenceClient student, AnswerFile answers, long? total, CancellationToken cancellationToken)
    {
        var progress = new RowProgress(new ProgressLine(), TimeProvider.System);
        try
        {
            await AskAsync(student, data.ReadAsync(cancellationToken).Where(row => !IsThere(row)), WriteAsync, cancellationToken);
        }
        finally
        {
            progress.Clear();
        }

        bool IsThere(Example row)
        {
            var isThere = answers.Has(row.Id, HashOf(row));
            _ = isThere ? Interlocked.Increment(ref _kept) : 0;
            return isThere;
        }

        async Task WriteAsync(TAnswer answer, ulong asked)
        {
            await answers.WriteAsync(AnswerLine.InFile(question.Write(answer), asked), cancellationToken);
            var kept = Interlocked.Read(ref _kept);
            progress.Show(kept + _rows, total, "", kept);
        }
    }

    private async Task AskAsync(InferenceClient student, IAsyncEnumerable<Example> rows, Func<TAnswer, ulong, Task> write, CancellationToken cancellationToken)
    {
        var requests = rows.Select(row =>
        {
            var asked = question.Of(row);
            _asked[row.Id] = question.HashOf(asked);
            return asked;
        });
        await foreach (var answer in question.AskAsync(student, requests, cancellationToken))
        {
            var outcome = question.OutcomeOf(answer);
            if (outcome.Refusal is { } refusal)
            {
                _failure = refusal;
                _refused += outcome.ConcernsEveryRow ? throw new InvalidDataException(_failure) : 1;
            }

            _rows++;
            await write(answer, _asked.TryRemove(outcome.Id, out var asked) ? asked : throw new InvalidDataException($"The Student answered '{outcome.Id}', which it was not asked."));
        }
    }

    private ulong HashOf(Example row) => question.HashOf(question.Of(row));
}
