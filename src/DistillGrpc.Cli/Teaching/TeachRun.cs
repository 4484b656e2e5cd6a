using System.Collections.Concurrent;
using System.Runtime.CompilerServices;
using DistillGrpc.Cli.Data;
using DistillGrpc.Client;
using DistillGrpc.Contracts.V1;

namespace DistillGrpc.Cli.Teaching;

/// <summary>Rows through a running Teacher, in one call: as they are read they are sent, as they are answered they are written, and only those in between are held.</summary>
internal sealed class TeachRun(DataSource data, RationaleSpec spec, TeachOutput output)
{
    // What is read here and not yet answered.
    private readonly ConcurrentDictionary<string, Example> _asked = new(StringComparer.Ordinal);

    public async Task RunAsync(TeacherClient teacher, CancellationToken cancellationToken)
    {
        var total = await data.CountAsync(cancellationToken);
        await using var rows = new RowFile(output.File);
        var (tally, progress) = (new Tally(), new TeachProgress(new ProgressLine(), TimeProvider.System));
        await using var trouble = new TroubleWatch(teacher, spec);
        await foreach (var response in teacher.GenerateRationalesAsync(spec, AskedAsync(cancellationToken), cancellationToken))
        {
            if (response.Result is not { } result)
            {
                continue;
            }

            var row = _asked.TryRemove(result.InputId, out var asked) ? asked : throw new InvalidDataException($"The Teacher answered '{result.InputId}', which it was not asked.");
            tally.Add(result);
            await output.WriteAsync(rows, row, result, cancellationToken);
            progress.Show(tally.Rows, total, tally.Accepted, tally.PaidNanos);
        }

        progress.Clear();
        if (!_asked.IsEmpty)
        {
            throw new InvalidDataException($"The Teacher left {_asked.Count} rows without a result.");
        }

        await rows.CompleteAsync(cancellationToken);
        await output.SummariseAsync(tally);
    }

    private async IAsyncEnumerable<Example> AskedAsync([EnumeratorCancellation] CancellationToken cancellationToken)
    {
        await foreach (var row in data.ReadAsync(cancellationToken))
        {
            _asked[row.Id] = row;
            yield return row;
        }
    }
}
