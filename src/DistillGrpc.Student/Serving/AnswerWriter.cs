using System.Diagnostics;
using DistillGrpc.Contracts.V1;
using DistillGrpc.Modeling.T5;
using DistillGrpc.Modeling.Training;
using DistillGrpc.Student.Models;
using Google.Protobuf.WellKnownTypes;
using TorchSharp;

namespace DistillGrpc.Student.Serving;

/// <summary>Writes the answers to one request, on the model's thread.</summary>
internal sealed class AnswerWriter(LoadedModel model, string name, PredictionJob job)
{
    // Of a rationale that nobody asked for, but that stands before the label.
    private const int MaxHiddenRationale = 256;
    private readonly TimeSpan _queued = Stopwatch.GetElapsedTime(job.Enqueued);

    /// <summary>Writes them.</summary>
    /// <exception cref="OperationCanceledException">The caller has gone.</exception>
    public void Write()
    {
        using var scope = torch.NewDisposeScope();
        switch (model.Card.Form)
        {
            case PredictionForm.RationaleThenLabel:
                WriteAsOne();
                break;
            case PredictionForm.LabelFromRationale:
                WriteFromRationale();
                break;
            default:
                WriteApart();
                break;
        }
    }

    private bool WantsLabel => job.Task is not PredictionTask.Rationale;

    private bool WantsRationale => job.Task is PredictionTask.Rationale or PredictionTask.Both;

    private void WriteApart()
    {
        var (given, reading) = (job.GivenLabel, (Reading?)null);
        if (WantsLabel)
        {
            var label = Write(PredictionTask.Label, model.Prompts.Label(job.Segments), ref reading);
            given = model.Card.ExplainsGivenLabel ? label : "";
        }

        if (WantsRationale)
        {
            Write(PredictionTask.Rationale, given.Length > 0 ? model.Prompts.RationaleOf(job.Segments, given) : model.Prompts.Rationale(job.Segments), ref reading);
        }
    }

    private void WriteFromRationale()
    {
        Reading? reading = null;
        if (WantsLabel)
        {
            Write(PredictionTask.Label, model.Prompts.LabelFrom(job.Segments, job.GivenRationale), ref reading);
        }

        if (WantsRationale)
        {
            // It is not the student's: nothing was written for it.
            Send(PredictionTask.Rationale, job.GivenRationale);
            var nothing = Duration.FromTimeSpan(TimeSpan.Zero);
            Send(new TaskAnswer
            {
                Task = PredictionTask.Rationale,
                Text = job.GivenRationale,
                FinishReason = FinishReason.EndOfSequence,
                Usage = new Usage(),
                Timings = new Timings { Queue = nothing, Encode = nothing, Decode = nothing },
            });
        }
    }

    // The rationale's deltas come while it is written, but for what may be the beginning of the label's prefix.
    private void WriteAsOne()
    {
        var prompt = model.Prompts.Label(job.Segments);
        var reading = Read(prompt);
        var (started, text) = (Stopwatch.GetTimestamp(), new OneTextStream(model));
        var limit = (WantsRationale ? job.MaxTokens : Math.Max(MaxHiddenRationale, job.MaxTokens)) + (WantsLabel ? job.MaxTokens : 0) + model.Prompts.LabelPrefixTokens;
        var likely = Likely();
        var tokens = Decode(prompt, reading, limit, token => Send(text.Append(token)), likely);
        Send(text.Flush());
        var (spent, at) = (Stopwatch.GetElapsedTime(started), model.Prompts.LabelAt(tokens));
        if (WantsRationale)
        {
            var rationale = model.Prompts.RationaleIn(tokens);
            Send(ToAnswer(PredictionTask.Rationale, prompt, rationale, at >= 0 || HasEnded(rationale), reading.Time, spent, likely, 0));
        }

        if (WantsLabel)
        {
            var label = model.Prompts.LabelIn(tokens);
            Send(ToAnswer(PredictionTask.Label, prompt, label, HasEnded(tokens), reading.Time, spent, likely, tokens.Length - label.Length));
        }
    }

    private string Write(PredictionTask task, TaskPrompt prompt, ref Reading? reading)
    {
        job.CancellationToken.ThrowIfCancellationRequested();
        // With the prefix on the decoder the input is the same for both tasks, and is read once.
        reading = reading is not null && model.Card.PrefixOnDecoder ? reading with { Time = TimeSpan.Zero } : Read(prompt);
        var started = Stopwatch.GetTimestamp();
        var decoder = job.WantsDeltas ? model.Tokenizer.CreateDecoder() : null;
        var likely = Likely();
        var tokens = Decode(prompt, reading, job.MaxTokens, token => Send(task, decoder?.Append(token) ?? ""), likely);
        Send(task, decoder?.Flush() ?? "");
        var answer = ToAnswer(task, prompt, tokens, HasEnded(tokens), reading.Time, Stopwatch.GetElapsedTime(started), likely, 0);
        Send(answer);
        return answer.Text;
    }

    private Reading Read(TaskPrompt prompt)
    {
        var started = Stopwatch.GetTimestamp();
        using var inference = torch.inference_mode();
        var mask = PaddedBatch.Mask([prompt.Input.Ids]);
        var encoded = model.Model.Encode(PaddedBatch.Pad([prompt.Input.Ids], model.Tokenizer.PadId), mask);
        return new Reading(encoded, mask, Stopwatch.GetElapsedTime(started));
    }

    private int[] Decode(TaskPrompt prompt, Reading reading, int maxTokens, Action<int> onToken, LikelyTokens? likely) => GreedyDecoder.DecodeEncoded(
        model.Model, reading.Encoded, reading.Mask, maxTokens, job.WantsDeltas ? (_, token) => onToken(token) : null, likely, prompt.DecoderPrefix, job.CancellationToken)[0];

    private LikelyTokens? Likely() => job.TopLogProbabilities > 0 ? new LikelyTokens(job.TopLogProbabilities) : null;

    private bool HasEnded(int[] tokens) => tokens.Length > 0 && tokens[^1] == model.Model.Config.EosId;

    private TaskAnswer ToAnswer(PredictionTask task, TaskPrompt prompt, int[] tokens, bool hasEnded, TimeSpan encoded, TimeSpan decoded, LikelyTokens? likely, int first)
    {
        var answer = new TaskAnswer
        {
            Task = task,
            Text = model.Tokenizer.Decode(tokens),
            FinishReason = hasEnded ? FinishReason.EndOfSequence : FinishReason.Length,
            Usage = new Usage { InputTokens = prompt.Input.Ids.Length, OutputTokens = tokens.Length },
            InputTruncated = prompt.Input.Truncated,
            Timings = new Timings { Queue = Duration.FromTimeSpan(_queued), Encode = Duration.FromTimeSpan(encoded), Decode = Duration.FromTimeSpan(decoded) },
        };
        answer.Tokens.AddRange((likely?.Rows[0] ?? []).Skip(first).Take(tokens.Length).Select(ToPosition));
        return answer;
    }

    private TokenPosition ToPosition(IReadOnlyList<(int Id, float LogProbability)> tokens)
    {
        var position = new TokenPosition();
        position.Tokens.AddRange(tokens.Select(token => new TokenLogProbability { Token = model.Tokenizer.Token(token.Id), LogProbability = token.LogProbability }));
        return position;
    }

    private void Send((string Rationale, string Label) more)
    {
        Send(PredictionTask.Rationale, WantsRationale ? more.Rationale : "");
        Send(PredictionTask.Label, WantsLabel ? more.Label : "");
    }

    private void Send(PredictionTask task, string text)
    {
        if (text.Length > 0 && job.WantsDeltas)
        {
            job.Output.TryWrite(new StreamPredictResponse { Delta = new AnswerDelta { Task = task, Text = text } });
        }
    }

    private void Send(TaskAnswer answer)
    {
        ServingMetrics.Answered(name, answer);
        job.Output.TryWrite(new StreamPredictResponse { Answer = answer });
    }

    /// <summary>An input that was read.</summary>
    /// <param name="Encoded">(1, S, D).</param>
    /// <param name="Mask">(1, S).</param>
    /// <param name="Time">How long it took.</param>
    private sealed record Reading(torch.Tensor Encoded, torch.Tensor Mask, TimeSpan Time);
}
