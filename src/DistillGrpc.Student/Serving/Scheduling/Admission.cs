namespace DistillGrpc.Student.Serving.Scheduling;

/// <summary>The room that there is for further answers.</summary>
/// <param name="IsEmpty">Nothing is being written: one is taken, whatever its size.</param>
/// <param name="Rows">Rows that are free.</param>
/// <param name="BatchRows">Of those, what batches may have.</param>
/// <param name="HasBatch">Whether a batch has any.</param>
/// <param name="ContextTokens">Memory that is free, in tokens.</param>
/// <param name="BatchContextTokens">Of that, what batches may have.</param>
/// <param name="EncoderTokens">Tokens that the next encoder's pass may still have.</param>
/// <param name="HasInputs">Whether that pass has any.</param>
internal readonly record struct Admission(bool IsEmpty, int Rows, int BatchRows, bool HasBatch, long ContextTokens, long BatchContextTokens, int EncoderTokens, bool HasInputs)
{
    /// <summary>The room beside the jobs that are being written.</summary>
    /// <param name="running">Those.</param>
    /// <param name="waiting">Jobs that wait.</param>
    /// <param name="options">What the operator has set.</param>
    public static Admission Of(List<GenerationJob> running, int waiting, SchedulerOptions options)
    {
        var (rows, batchRows, context, batchContext) = (0, 0, 0L, 0L);
        foreach (var job in running)
        {
            rows += job.Rows;
            batchRows += job.Caller.Priority == Priority.Batch ? job.Rows : 0;
            context += job.ContextTokens;
            batchContext += job.Caller.Priority == Priority.Batch ? job.ContextTokens : 0;
        }

        return new Admission(
            running.Count == 0,
            options.MaxRows - rows,
            options.MaxBatchRows - batchRows,
            batchRows > 0,
            options.MaxContextTokens - context,
            // The same share as of the rows.
            ((long)options.MaxContextTokens * options.MaxBatchRows / options.MaxRows) - batchContext,
            EncoderTokensOf(running.Count, waiting, options),
            HasInputs: false);
    }

    // The few that are being written wait longer where many wait for them: else a burst would be read in the smallest pieces, with a step of hardly any row between.
    private static int EncoderTokensOf(int running, int waiting, SchedulerOptions options) => running == 0
        ? options.MaxEncoderTokens
        : (int)Math.Max(options.MaxEncoderTokensBetweenSteps, Math.Min(options.MaxEncoderTokens, (long)options.MaxEncoderTokensBetweenSteps * (waiting / running)));

    /// <summary>Whether a batch's job may have its rows, as far as other batches go.</summary>
    public bool IsFreeForBatch(GenerationJob job) => !HasBatch || (job.Rows <= BatchRows && job.ContextTokens <= BatchContextTokens);

    /// <summary>Whether a job fits.</summary>
    public bool Fits(GenerationJob job) =>
        (IsEmpty || (job.Rows <= Rows && job.ContextTokens <= ContextTokens)) && (job.Reading.IsRead || !HasInputs || job.Input.Length <= EncoderTokens);

    /// <summary>What is left with a further job.</summary>
    public Admission With(GenerationJob job) => new(
        false,
        Rows - job.Rows,
        job.Caller.Priority == Priority.Batch ? BatchRows - job.Rows : BatchRows,
        HasBatch || job.Caller.Priority == Priority.Batch,
        ContextTokens - job.ContextTokens,
        job.Caller.Priority == Priority.Batch ? BatchContextTokens - job.ContextTokens : BatchContextTokens,
        job.Reading.IsRead ? EncoderTokens : EncoderTokens - job.Input.Length,
        HasInputs || !job.Reading.IsRead);
}
