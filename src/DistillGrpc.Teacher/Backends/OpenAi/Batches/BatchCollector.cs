using System.Data.Common;
using System.Text.Json.Nodes;
using DistillGrpc.Teacher.Answers;
using Grpc.Core;

namespace DistillGrpc.Teacher.Backends.OpenAi.Batches;

/// <summary>
/// Collects a teacher's questions, submits them as batches, and hands out what came of them. A question that is in a batch already,
/// of this process, of one that has died or of another replica, is not submitted again: it waits for that batch.
/// </summary>
internal sealed class BatchCollector : IDisposable
{
    private readonly BatchOptions _options;
    private readonly BatchClient _client;
    private readonly BatchedQuestions _questions;
    private readonly TimeProvider _time;
    private readonly CollectedQuestions _collected;
    private readonly BatchesUnderWay _underWay;
    private readonly CancellationTokenSource _stop = new();
    private readonly CancellationToken _stopped;

    /// <summary>Begins to collect.</summary>
    /// <param name="options">How much and how long.</param>
    /// <param name="client">Makes batches; disposed with the collector.</param>
    /// <param name="questions">Which question is in which batch.</param>
    /// <param name="time">The clock.</param>
    public BatchCollector(BatchOptions options, BatchClient client, BatchedQuestions questions, TimeProvider time)
    {
        (_options, _client, _questions, _time, _stopped) = (options, client, questions, time, _stop.Token);
        _collected = new CollectedQuestions(options, some => _ = Task.Run(() => SendAsync(some)), time);
        _underWay = new BatchesUnderWay(client, questions, time, _stopped);
    }

    /// <summary>Waits for the answer of the batch that the question is in, or gets into.</summary>
    /// <exception cref="UpstreamFailure">There is none; it says whether it may be paid for all the same.</exception>
    /// <exception cref="TeacherRowException">The batch takes too long.</exception>
    public async ValueTask<WrittenAnswer> AskAsync(byte[] key, JsonObject body, CancellationToken cancellationToken)
    {
        while (true)
        {
            var place = await PlaceAsync(key, body, cancellationToken) ?? throw Unanswered("ANSWERED_MEANWHILE", "Somebody else has the answer of this input.", isFree: true);
            var outcome = await OutcomeAsync(place, cancellationToken);
            if (outcome?.ResultOf(place.Id).Answer is { } answer)
            {
                // It stays in the batch until the answer is kept.
                return answer;
            }

            await RemoveAsync(place.Batch, key);
            if (outcome is not null)
            {
                throw FailureOf(outcome, place);
            }

            if (place.IsOwn)
            {
                throw Unanswered("BATCH_LOST", "The teacher's endpoint no longer has the batch of this input.", isFree: false);
            }

            // It was never made, by a process that died before: collected anew.
        }
    }

    public void Dispose()
    {
        _stop.Cancel();
        _collected.Dispose();
        _client.Dispose();
        _stop.Dispose();
    }

    private static UpstreamFailure Unanswered(string reason, string message, bool isFree) => UpstreamFailure.Unanswered(new TeacherRowException(StatusCode.Unavailable, reason, message), isFree);

    // A batch that was not taken may be later, when others have ended. A line that is missing may be one of an answer.
    private static UpstreamFailure FailureOf(BatchOutcome outcome, BatchPlace place)
    {
        var why = outcome.ResultOf(place.Id).Failure!;
        return outcome.End == BatchEnd.Failed
            ? Unanswered(why.Reason, why.Message, isFree: true)
            : UpstreamFailure.Unanswered(why, isFree: !place.IsOwn || why.Reason != BatchOutcome.LineMissing);
    }

    private async Task RemoveAsync(string batch, byte[] key)
    {
        try
        {
            await _questions.RemoveAsync(batch, key);
        }
        catch (DbException failure)
        {
            throw UpstreamFailure.NotBatched(failure);
        }
    }

    private async Task<BatchOutcome?> OutcomeAsync(BatchPlace place, CancellationToken cancellationToken)
    {
        try
        {
            return await place.Outcome.WaitAsync(_options.Timeout, _time, cancellationToken);
        }
        catch (TimeoutException)
        {
            var late = new TeacherRowException(StatusCode.Unavailable, "BATCH_TIMEOUT", "The batch of this input did not end in time.");
            throw place.IsOwn ? late : UpstreamFailure.NotBatched(late);
        }
        catch (Exception failure) when (!place.IsOwn)
        {
            // Who submitted it has booked it, when it left or died.
            throw cancellationToken.IsCancellationRequested ? UpstreamFailure.NotNeeded() : UpstreamFailure.NotBatched(failure);
        }
    }

    // Null where another process has the answer.
    private async Task<BatchPlace?> PlaceAsync(byte[] key, JsonObject body, CancellationToken cancellationToken)
    {
        var question = new CollectedQuestion(key, body);
        _collected.Add(question);
        try
        {
            return await question.Place.Task.WaitAsync(cancellationToken);
        }
        catch (OperationCanceledException) when (cancellationToken.IsCancellationRequested && _collected.Withdraw(question))
        {
            throw UpstreamFailure.NotNeeded();
        }
    }

    private async Task SendAsync(List<CollectedQuestion> questions)
    {
        var batch = $"distill-{Guid.NewGuid():n}";
        var outcome = new TaskCompletionSource<BatchOutcome?>(TaskCreationOptions.RunContinuationsAsynchronously);
        // Before anybody can find it on the disk, who would take it for one that was never submitted.
        _underWay.Add(batch, outcome.Task);
        try
        {
            if (await SubmitAsync(batch, questions, outcome.Task) is { } id)
            {
                questions.Clear();
                outcome.SetResult(await _underWay.WaitAsync(batch, id));
            }
        }
        catch (Exception failure)
        {
            questions.ForEach(question => question.Place.TrySetException(failure));
            outcome.TrySetException(failure);
        }
        finally
        {
            _underWay.Remove(batch);
        }
    }

    // The endpoint's id for the batch; null where all questions were in others.
    private async Task<string?> SubmitAsync(string batch, List<CollectedQuestion> questions, Task<BatchOutcome?> outcome)
    {
        try
        {
            var (places, lost) = await _questions.AddAsync(batch, [.. questions.Select(question => question.Key)], _stopped);
            var own = new List<BatchRequest>();
            foreach (var (question, place) in questions.Zip(places))
            {
                var isOwn = place?.Batch == batch;
                question.Place.TrySetResult(place is null ? null : new BatchPlace(place.Batch, question.Id, isOwn, isOwn ? outcome : _underWay.Follow(place)));
                if (isOwn)
                {
                    own.Add(new BatchRequest(question.Id, question.Body));
                }
            }

            return own.Count > 0 ? await SubmitAsync(batch, own, lost) : null;
        }
        catch (Exception failure) when (!_stopped.IsCancellationRequested)
        {
            // Who asks again looks whether it is there after all, and books it then.
            await NoteAsync(batch, "");
            throw UpstreamFailure.NotBatched(failure);
        }
    }

    // Others may take this process for dead, and then find no batch that will come.
    private async Task<string> SubmitAsync(string batch, List<BatchRequest> requests, CancellationToken lost)
    {
        using var ended = CancellationTokenSource.CreateLinkedTokenSource(_stopped, lost);
        var id = await _client.SubmitAsync(batch, requests, ended.Token);
        await NoteAsync(batch, id);
        return id;
    }

    // Where it cannot be written, the batch is found by its key; a replica waits for one that was not made for as long as this process is alive.
    private async Task NoteAsync(string batch, string id)
    {
        try
        {
            await _questions.SubmittedAsync(batch, id);
        }
        catch (DbException)
        {
            // It says where the batch is, and that is known otherwise.
        }
    }
}
