using DistillGrpc.Contracts.V1;
using DistillGrpc.Teacher.Backends;
using DistillGrpc.Teacher.Spending;
using Google.Protobuf.WellKnownTypes;

namespace DistillGrpc.Teacher.Extractions;

/// <summary>Extractions as callers see them: as they are on the disk, with what they have cost, how fast they go on and how long they will take.</summary>
internal sealed class ExtractionStatus(ExtractionEvents events, Ledger ledger, TeacherCatalog catalog, TimeProvider time)
{
    private static readonly TimeSpan RateWindow = TimeSpan.FromSeconds(30);

    /// <summary>The message of an extraction.</summary>
    public async Task<Extraction> OfAsync(StoredExtraction extraction, CancellationToken cancellationToken)
    {
        var message = extraction.ToMessage();
        var balance = await ledger.BalanceOfAsync(extraction.Name, cancellationToken);
        message.Usage = balance.ToUsage();
        var open = extraction.Inputs - extraction.Accepted - extraction.Rejected;
        if (extraction.State == ExtractionState.Running && open > 0)
        {
            (message.Reason, message.Message) = message.Reason.Length == 0 && TroubleOf(extraction) is { } trouble ? trouble : (message.Reason, message.Message);
            message.RowsPerSecond = await RateOfAsync(extraction, cancellationToken);
            message.Remaining = message.RowsPerSecond > 0 ? Duration.FromTimeSpan(TimeSpan.FromSeconds(Math.Min(open / message.RowsPerSecond, 1e9))) : null;
        }

        return message;
    }

    /// <summary>Why none of its teachers' calls gets through from here, where that is so.</summary>
    public (string Reason, string Message)? TroubleOf(StoredExtraction extraction)
    {
        var spec = extraction.Spec.Rationales;
        var named = spec.Teachers.Count > 0 ? spec.Teachers.Select(share => share.Teacher) : [spec.Teacher];
        return named.Select(catalog.TroubleOf).FirstOrDefault(trouble => trouble is not null) is var (name, trouble)
            ? (trouble.Reason, $"{name} has not answered since {trouble.Since.ToDateTimeOffset():u}, and is tried again: {trouble.Message}")
            : null;
    }

    // That of the last rows, whoever made them: twice as far back each time, until half a minute is covered.
    private async ValueTask<double> RateOfAsync(StoredExtraction extraction, CancellationToken cancellationToken)
    {
        for (var rows = 16L; rows < extraction.Sequence; rows *= 2)
        {
            if (await events.TimeOfAsync(extraction.Id, extraction.Sequence - rows, cancellationToken) is { } then && time.GetUtcNow() - then is var took && (took > RateWindow || rows * 2 >= extraction.Sequence))
            {
                return took > TimeSpan.Zero ? rows / took.TotalSeconds : 0;
            }
        }

        return 0;
    }
}
