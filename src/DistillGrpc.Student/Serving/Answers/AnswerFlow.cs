using System.Threading.Channels;
using DistillGrpc.Contracts.V1;
using DistillGrpc.Modeling.Decoding;
using DistillGrpc.Student.Models;
using DistillGrpc.Student.Serving.Explaining;
using DistillGrpc.Student.Serving.Requests;
using DistillGrpc.Student.Serving.Scheduling;
using DecodingOptions = DistillGrpc.Modeling.Decoding.DecodingOptions;

namespace DistillGrpc.Student.Serving.Answers;

/// <summary>
/// Leads a request through its model: makes tokens of what is asked, has one generation after another written, and turns their tokens into text,
/// all on the caller's side. Whoever reads the answers slowly keeps nobody waiting.
/// </summary>
internal sealed class AnswerFlow(ServedModel served, ServingLease lease, Ask ask, ChannelWriter<StreamPredictResponse> output, PredictionStore predictions, TimeProvider time)
{
    private readonly ServingModel _model = served.Model;
    private readonly AnswerMessages _messages = new(served.Name, served.Model.Tokenizer);
    private readonly AnswerDeltas _deltas = new(output, ask.WantsDeltas);
    private readonly AnswerGeneration _generation = new(served.Model.Card, lease, ask);
    private readonly Dictionary<PredictionTask, TaskAnswer> _answers = [];
    private TimeSpan _tokenized;

    /// <summary>Runs until everything is written, or something failed; the output has it.</summary>
    public async Task RunAsync()
    {
        using (lease)
        {
            try
            {
                await WriteAsync();
                await CheckAsync();
                output.TryComplete();
            }
            catch (Exception failure)
            {
                ServingMetrics.NotAnswered(served.Name, ask.Task, failure);
                output.TryComplete(failure);
            }
        }
    }

    private Task WriteAsync()
    {
        // Whatever cannot be written is refused before anything is; whatever there is no room for before anything is made of it.
        lease.RequireRoom(ask.Caller);
        var started = time.GetTimestamp();
        var label = new TaskDecoding(_model, ask.LabelDecoding, "decoding", ask.Candidates, ask.TokenLimit);
        var rationale = new TaskDecoding(_model, ask.RationaleDecoding, ReferenceEquals(ask.RationaleDecoding, ask.LabelDecoding) ? "decoding" : "rationale_decoding", [], ask.TokenLimit);
        _tokenized = time.GetElapsedTime(started);
        return _model.Card.Form switch
        {
            PredictionForm.RationaleThenLabel => label.Candidates is null ? WriteAsOneAsync(label) : WriteThenChooseAsync(label),
            PredictionForm.LabelFromRationale => WriteFromRationaleAsync(label),
            _ => WriteApartAsync(label, rationale),
        };
    }

    private async Task CheckAsync()
    {
        if (ask.ChecksConsistency)
        {
            var (label, rationale) = (_answers[PredictionTask.Label].Text, _answers[PredictionTask.Rationale]);
            var written = _model.Card.Form == PredictionForm.RationaleThenLabel ? label : null;
            var check = new ConsistencyCheck(_model, lease, ask.Caller);
            output.TryWrite(new StreamPredictResponse { Consistency = await check.OfAsync(label, ask.Segments, rationale.Text, rationale.FinishReason == FinishReason.EndOfSequence, written) });
        }
    }

    private async Task WriteApartAsync(TaskDecoding forLabel, TaskDecoding forRationale)
    {
        var given = ask.GivenLabel;
        if (ask.WantsLabel)
        {
            var label = await WriteAsync(PredictionTask.Label, () => _model.Prompts.Label(ask.Segments), forLabel);
            given = _model.Card.ExplainsGivenLabel ? label : "";
        }

        if (ask.WantsRationale)
        {
            await WriteAsync(PredictionTask.Rationale, () => RationalePrompt(given, forRationale), forRationale);
        }
    }

    // A label that somebody gives is explained or refused; one that was written and is too long for it goes unsaid.
    private TaskPrompt RationalePrompt(string label, TaskDecoding decoding)
    {
        var prompt = label.Length > 0 ? _model.Prompts.RationaleOf(ask.Segments, label) : null;
        var isTooLong = prompt?.DecoderPrefix.Count + decoding.Forced.Length > DecodingOptions.MostPrefixTokens;
        return prompt is null || (isTooLong && ask.GivenLabel.Length == 0) ? _model.Prompts.Rationale(ask.Segments) : prompt;
    }

    private async Task WriteFromRationaleAsync(TaskDecoding forLabel)
    {
        if (ask.WantsLabel)
        {
            await WriteAsync(PredictionTask.Label, () => _model.Prompts.LabelFrom(ask.Segments, ask.GivenRationale), forLabel);
        }

        if (ask.WantsRationale)
        {
            // It is not the student's: nothing was written for it.
            _deltas.Send(PredictionTask.Rationale, ask.GivenRationale, 0);
            Send(_messages.Given(ask.GivenRationale));
        }
    }

    private async Task<string> WriteAsync(PredictionTask task, Func<TaskPrompt> asked, TaskDecoding decoding, GenerationJob? before = null)
    {
        var (prompt, tokenized) = Tokenized(asked);
        var text = new AnswerText(_model.Tokenizer, decoding.Forced, decoding.Spec.Stops);
        var beginning = decoding.IsStreamed ? text.Beginning : "";
        _deltas.Send(task, beginning, 0);
        var job = await _generation.RunAsync(prompt, decoding.Options(prompt.DecoderPrefix), decoding, token => (text.Append(token), ""), () => text.IsStopped, more => _deltas.Send(task, more.First, text.Tokens));
        // A stop text may have cut the best one short.
        AnswerPart[] parts = [.. job.Answers.Select(answer => PartOf(answer, decoding)).OrderByDescending(part => part.Score)];
        // What could not be sent while it was written comes now.
        _deltas.Send(task, job.WantsTokens ? text.Flush() : parts[0].Text[beginning.Length..], job.WantsTokens ? text.Tokens : parts[0].Count);
        Send(_messages.Of(task, prompt.Input, before is null ? [job] : [before, job], tokenized, decoding.Spec.Seed, parts));
        return parts[0].Text;
    }

    // The rationale's deltas come while it is written, but for what may be the beginning of the label's prefix.
    private async Task WriteAsOneAsync(TaskDecoding decoding)
    {
        var (prompt, tokenized) = Tokenized(() => _model.Prompts.Label(ask.Segments));
        var limit = ask.MaxTokens + (ask.WantsLabel ? Math.Max(TaskPrompts.MostRationale, ask.MaxTokens) + _model.Prompts.LabelPrefixTokens : 0);
        var options = decoding.Options(prompt.DecoderPrefix) with { MaxTokens = Math.Min(limit, DecodingOptions.MostTokens) };
        var text = new OneTextStream(_model, decoding, ask.MaxTokens, ask.WantsLabel);
        var beginning = decoding.IsStreamed ? text.Beginning : "";
        Send((beginning, ""), (0, 0));
        var job = await _generation.RunAsync(prompt, options, decoding, text.Append, () => text.IsOver, more => Send(more, text.Tokens));
        OneTextParts[] parts = [.. job.Answers.Select(answer => OneTextParts.Of(_model, answer, decoding, ask.MaxTokens)).OrderByDescending(part => part.Score)];
        var rest = job.WantsTokens ? text.Flush() : (parts[0].Rationale.Text[beginning.Length..], parts[0].Label.Text);
        Send(rest, job.WantsTokens ? text.Tokens : (parts[0].Rationale.Count, parts[0].Label.Count));
        if (ask.WantsRationale)
        {
            Send(_messages.Of(PredictionTask.Rationale, prompt.Input, [job], tokenized, decoding.Spec.Seed, [.. parts.Select(part => part.Rationale)]));
        }

        if (ask.WantsLabel)
        {
            Send(_messages.Of(PredictionTask.Label, prompt.Input, [job], tokenized, decoding.Spec.Seed, [.. parts.Select(part => part.Label)]));
        }
    }

    // The candidates stand where the label does: the rationale is written up to there, and read again with what the label may be.
    private async Task WriteThenChooseAsync(TaskDecoding forLabel)
    {
        var spec = forLabel.Spec with { Options = forLabel.Spec.Options with { Answers = 1 } };
        var forRationale = new TaskDecoding(_model, spec, "decoding", [], ask.TokenLimit);
        var (prompt, tokenized) = Tokenized(() => _model.Prompts.Label(ask.Segments));
        var room = DecodingOptions.MostPrefixTokens - prompt.DecoderPrefix.Count - _model.Prompts.LabelPrefixTokens;
        var options = forRationale.Options(prompt.DecoderPrefix) with { MaxTokens = Math.Min(Math.Max(TaskPrompts.MostRationale, ask.MaxTokens), room) };
        var text = new OneTextStream(_model, forRationale, ask.MaxTokens, wantsLabel: false);
        var job = await _generation.RunAsync(prompt, options, forRationale, text.Append, () => text.IsOver, more => Send(more, text.Tokens));
        var rationale = OneTextParts.Of(_model, job.Answers[0], forRationale, ask.MaxTokens).Rationale;
        Send(job.WantsTokens ? text.Flush() : (rationale.Text, ""), (rationale.Count, 0));
        if (ask.WantsRationale)
        {
            Send(_messages.Of(PredictionTask.Rationale, prompt.Input, [job], tokenized, spec.Seed, [rationale]));
        }

        _tokenized = ask.WantsRationale ? TimeSpan.Zero : tokenized;
        var behind = prompt with { DecoderPrefix = [.. prompt.DecoderPrefix, .. _model.Prompts.BeforeLabel([.. job.Answers[0].Tokens])] };
        await WriteAsync(PredictionTask.Label, () => behind, forLabel, ask.WantsRationale ? null : job);
    }

    // The first task has the time of what was made for both.
    private (TaskPrompt Prompt, TimeSpan Time) Tokenized(Func<TaskPrompt> asked)
    {
        var started = time.GetTimestamp();
        var prompt = asked();
        var spent = _tokenized + time.GetElapsedTime(started);
        _tokenized = TimeSpan.Zero;
        return (prompt, spent);
    }

    private AnswerPart PartOf(GeneratedAnswer answer, TaskDecoding decoding)
    {
        var (text, tokens, isStopped) = AnswerText.Of(_model.Tokenizer, decoding.Forced, decoding.Spec.Stops, answer.Tokens);
        var end = isStopped ? FinishReason.Stop : answer.HasEnded ? FinishReason.EndOfSequence : FinishReason.Length;
        return new AnswerPart(answer, decoding.Candidates?.LabelOf(text) ?? text, end, 0, tokens, decoding.LengthPenalty);
    }

    private void Send((string Rationale, string Label) more, (int Rationale, int Label) tokens)
    {
        _deltas.Send(PredictionTask.Rationale, ask.WantsRationale ? more.Rationale : "", tokens.Rationale);
        _deltas.Send(PredictionTask.Label, ask.WantsLabel ? more.Label : "", tokens.Label);
    }

    private void Send(TaskAnswer answer)
    {
        ServingMetrics.Answered(served.Name, answer);
        answer.Prediction = answer.Task == PredictionTask.Label ? predictions.Keep(served, ask, answer.Text) : "";
        _answers[answer.Task] = answer;
        output.TryWrite(new StreamPredictResponse { Answer = answer });
    }
}
