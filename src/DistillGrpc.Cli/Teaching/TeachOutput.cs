using DistillGrpc.Contracts.V1;

namespace DistillGrpc.Cli.Teaching;

/// <summary>Where taught rows go, and how they are summed up.</summary>
/// <param name="File">The file; null for standard output.</param>
/// <param name="AcceptedOnly">Rows that are not fit to train on are counted, not written.</param>
/// <param name="Json">The summary is a JSON object: on standard output, unless the rows go there.</param>
internal sealed record TeachOutput(FileInfo? File, bool AcceptedOnly, bool Json)
{
    public async ValueTask WriteAsync(RowFile rows, Example row, RationaleResult result, CancellationToken cancellationToken)
    {
        if (!AcceptedOnly || Reasons.IsAccepted(result))
        {
            await rows.WriteAsync(TaughtRow.Write(row, result), cancellationToken);
        }
    }

    /// <summary>Says what came out.</summary>
    /// <exception cref="InvalidDataException">No row has an answer, or some have none because of the budget.</exception>
    public async Task SummariseAsync(Tally tally)
    {
        var summary = Json && File is not null ? Console.Out : Console.Error;
        await summary.WriteLineAsync(Json ? tally.Json() : tally.Text());
        if (tally.OutOfBudget > 0)
        {
            throw new InvalidDataException($"{tally.OutOfBudget} rows have no answer because of the budget: raise {(tally.IsTeacherOutOfBudget ? "the teacher's Budget" : "--budget")} and run again, nothing is paid twice.");
        }

        if (tally.Failed == tally.Rows && tally.Rows > 0)
        {
            throw new InvalidDataException($"No row has an answer: {tally.Failure}");
        }
    }
}
