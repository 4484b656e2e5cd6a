using DistillGrpc.Cli.Data;
using DistillGrpc.Client;
using DistillGrpc.Contracts.V1;

namespace DistillGrpc.Cli.Predicting;

/// <summary>Rows through a running Student, in one call: as they are read they are sent, as they are answered they are written.</summary>
internal sealed class PredictRun(DataSource data, PredictRequest request, FileInfo? output, bool whole)
{
    private int _rows;
    private int _refused;
    private string _failure = "";

    /// <summary>Answers them.</summary>
    /// <exception cref="InvalidDataException">No row was answered.</exception>
    public async Task RunAsync(InferenceClient student, CancellationToken cancellationToken)
    {
        if (output is null)
        {
            await AskAsync(student, data.ReadAsync(cancellationToken), line => Console.Out.WriteLineAsync(line), cancellationToken);
        }
        else
        {
            await RunAsync(student, output, cancellationToken);
        }

        if (_rows > 0 && _refused == _rows)
        {
            throw new InvalidDataException($"No row was answered: {_failure}");
        }
    }

    private async Task RunAsync(InferenceClient student, FileInfo file, CancellationToken cancellationToken)
    {
        if (data.IsIn(file))
        {
            throw new InvalidDataException($"--out: {file} is what is read.");
        }

        var total = await data.CountAsync(cancellationToken);
        await using var answers = await AnswerFile.OpenAsync(file, cancellationToken);
        var progress = new RowProgress(new ProgressLine(), TimeProvider.System, answers.Kept);
        try
        {
            await AskAsync(student, data.ReadAsync(cancellationToken).Where(row => !answers.Takes(row.Id)), WriteAsync, cancellationToken);
        }
        finally
        {
            progress.Clear();
        }

        await Console.Error.WriteLineAsync($"{_rows - _refused} rows answered, {_refused} refused, {answers.Kept} were there.");

        async Task WriteAsync(string line)
        {
            await answers.WriteAsync(line, cancellationToken);
            progress.Show(answers.Kept + _rows, total, "");
        }
    }

    private async Task AskAsync(InferenceClient student, IAsyncEnumerable<Example> rows, Func<string, Task> write, CancellationToken cancellationToken)
    {
        var requests = rows.Select(row =>
        {
            var asked = new BatchPredictRequest { Id = row.Id, Request = request.Clone() };
            asked.Request.Segments.AddRange(row.Segments);
            return asked;
        });
        await foreach (var answer in student.BatchPredictAsync(requests, cancellationToken))
        {
            (_rows, _refused, _failure) = (_rows + 1, _refused + (answer.Error is null ? 0 : 1), answer.Error?.Message ?? _failure);
            await write(AnswerLine.Write(answer, whole));
        }
    }
}
