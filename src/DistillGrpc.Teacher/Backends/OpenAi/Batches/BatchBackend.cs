using System.Data.Common;
using DistillGrpc.Contracts.V1;
using DistillGrpc.Teacher.Answers;
using DistillGrpc.Teacher.Prompts;
using DistillGrpc.Teacher.Spending;

namespace DistillGrpc.Teacher.Backends.OpenAi.Batches;

/// <summary>
/// OpenAI's chat completions by batches, which cost less and take up to a day. A question that has left (its caller has gone, the
/// process was stopped or has died) counts with all that it may cost, since the batch goes on; whoever asks it again waits for that
/// batch, and its answer counts once more then. That is on the safe side: no budget is passed.
/// </summary>
internal sealed class BatchBackend : IPaidBackend
{
    private readonly OpenAiBackend _chat;
    private readonly OpenAiOptions _options;
    private readonly BatchOptions _batch;
    private readonly BatchedQuestions _questions;
    private readonly BatchCollector _collector;
    private readonly UpstreamRetry _retry;

    /// <param name="chat">Says what is asked, and reads the answers.</param>
    /// <param name="options">The endpoint.</param>
    /// <param name="batch">How questions are collected.</param>
    /// <param name="questions">Which are in which batch.</param>
    /// <param name="time">The clock.</param>
    public BatchBackend(OpenAiBackend chat, OpenAiOptions options, BatchOptions batch, BatchedQuestions questions, TimeProvider time)
    {
        (_chat, _options, _batch, _questions) = (chat, options, batch, questions);
        _collector = new BatchCollector(batch, new BatchClient(options, time, Random.Shared.NextDouble), questions, time);
        _retry = new UpstreamRetry(options, time, Random.Shared.NextDouble);
    }

    public string Kind => _chat.Kind;

    public string Model => _chat.Model;

    public string Form => _chat.Form;

    public Prompt DefaultPrompt => _chat.DefaultPrompt;

    public Price Price => _chat.Price;

    public long Budget => _chat.Budget;

    public int MaxConcurrency => _batch.Size;

    public int? InputsInFlight => _batch.Size;

    public bool WritesUnheard => true;

    public (long Bytes, int Turns, int MaxTokens) SizeOf(Example input, RationaleQuery query) => _chat.SizeOf(input, query);

    public async ValueTask<WrittenAnswer> AskAsync(byte[] key, Example input, RationaleQuery query, TextListener onText, Attempt attempt, CancellationToken cancellationToken)
    {
        var body = ChatBody.Of(_options, _chat.QuestionOf(input, query));
        try
        {
            // The time that an input has begins with a call of its own, and here is none.
            return await _retry.RunAsync((_, token) => attempt(CollectAsync, token), query.Deadline, cancellationToken);
        }
        catch (TeacherRowException) when (cancellationToken.IsCancellationRequested)
        {
            throw new OperationCanceledException(cancellationToken);
        }

        async ValueTask<WrittenAnswer> CollectAsync(CancellationToken token)
        {
            var written = await _collector.AskAsync(key, body, token);
            await onText(written.Text, false);
            return written;
        }
    }

    public void Kept(DbTransaction transaction, byte[] key) => _questions.Remove(transaction, key);

    public BackendAnswer Read(WrittenAnswer written, RationaleQuery query, Example input) => _chat.Read(written, query, input);

    public void Dispose()
    {
        _collector.Dispose();
        _chat.Dispose();
    }
}
