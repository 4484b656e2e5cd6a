using System.Threading.Channels;
using DistillGrpc.Contracts.V1;
using DistillGrpc.Hosting;
using DistillGrpc.Modeling.Decoding;
using DistillGrpc.Student.Models;
using DistillGrpc.Student.Serving.Requests;
using DistillGrpc.Student.Serving.Scheduling;
using DecodingOptions = DistillGrpc.Modeling.Decoding.DecodingOptions;

namespace DistillGrpc.Student.Serving.Answers;

/// <summary>
/// Leads a request through its model: makes tokens of what is asked, has one generation after another written, and turns their tokens into text,
/// all on the caller's side. Whoever reads the answers slowly keeps nobody waiting.
/// </summary>
internal sealed class AnswerFlow(ServedModel served, ServingLease lease, Ask ask, ChannelWriter<StreamPredictResponse> output, TimeProvider time)
{
    // Of a rationale that nobody asked for, but that stands before the label.
    private const int MaxHiddenRationale = 256;
    private readonly ServingModel _model = served.Model;

    /// <summary>Runs until everything is written, or something failed; the output has it.</summary>
    public async Task RunAsync()
    {
        using (lease)
        {
            try
            {
                await (_model.Card.Form switch
                {
                    PredictionForm.RationaleThenLabel => WriteAsOneAsync(),
                    PredictionForm.LabelFromRationale => WriteFromRationaleAsync(),
                    _ => WriteApartAsync(),
                });
                output.TryComplete();
            }
            catch (Exception failure)
            {
                ServingMetrics.NotAnswered(served.Name, ask.Task, failure is OperationCanceledException);
                output.TryComplete(failure);
            }
        }
    }

    private async Task WriteApartAsync()
    {
        var given = ask.GivenLabel;
        if (ask.WantsLabel)
        {
            var label = await WriteAsync(PredictionTask.Label, () => _model.Prompts.Label(ask.Segments));
            given = _model.Card.ExplainsGivenLabel ? label : "";
        }

        if (ask.WantsRationale)
        {
            await WriteAsync(PredictionTask.Rationale, () => given.Length > 0 ? _model.Prompts.RationaleOf(ask.Segments, given) : _model.Prompts.Rationale(ask.Segments));
        }
    }

    private async Task WriteFromRationaleAsync()
    {
        if (ask.WantsLabel)
        {
            await WriteAsync(PredictionTask.Label, () => _model.Prompts.LabelFrom(ask.Segments, ask.GivenRationale));
        }

        if (ask.WantsRationale)
        {
            // It is not the student's: nothing was written for it.
            Send(PredictionTask.Rationale, ask.GivenRationale);
            Send(AnswerMessages.Given(ask.GivenRationale));
        }
    }

    private async Task<string> WriteAsync(PredictionTask task, Func<TaskPrompt> asked)
    {
        var started = time.GetTimestamp();
        var (prompt, isLabel) = (asked(), task == PredictionTask.Label);
        var spec = isLabel ? ask.LabelDecoding : ask.RationaleDecoding;
        var candidates = isLabel && ask.Candidates.Count > 0 ? new CandidateSet(_model.Tokenizer, ask.Candidates, ask.TokenLimit) : null;
        var forced = ForcedPrefix.Of(_model.Tokenizer, spec.Prefix, ask.TokenLimit, isLabel || !ask.WantsLabel ? "decoding.prefix" : "rationale_decoding.prefix");
        var tokenized = time.GetElapsedTime(started);
        var options = spec.Options with { Prefix = [.. prompt.DecoderPrefix, .. forced] };
        RequirePrefixFits(options);
        options = candidates is null ? options : options with { Allowed = candidates.Allowed, MaxTokens = candidates.Allowed.Longest, LogProbabilities = true };

        var text = new AnswerText(_model.Tokenizer, forced, spec.Stops);
        Send(task, spec.IsOneAnswer ? text.Beginning : "");
        var job = await GenerateAsync(prompt, options, spec, candidates is null, token => (text.Append(token), ""), () => text.IsStopped, more => Send(task, more.First));
        var parts = job.Answers.Select(answer => PartOf(answer, forced, spec, candidates)).ToArray();
        // What could not be sent while it was written comes now.
        Send(task, job.WantsTokens ? text.Flush() : parts[0].Text[(spec.IsOneAnswer ? text.Beginning.Length : 0)..]);
        Send(AnswerMessages.Of(task, _model.Tokenizer, prompt.Input, job, tokenized, spec.Seed, parts));
        return parts[0].Text;
    }

    // The rationale's deltas come while it is written, but for what may be the beginning of the label's prefix.
    private async Task WriteAsOneAsync()
    {
        var started = time.GetTimestamp();
        var (prompt, spec) = (_model.Prompts.Label(ask.Segments), ask.LabelDecoding);
        var forced = ForcedPrefix.Of(_model.Tokenizer, spec.Prefix, ask.TokenLimit, "decoding.prefix");
        var tokenized = time.GetElapsedTime(started);
        var limit = (ask.WantsRationale ? ask.MaxTokens : Math.Max(MaxHiddenRationale, ask.MaxTokens)) + (ask.WantsLabel ? ask.MaxTokens : 0) + _model.Prompts.LabelPrefixTokens;
        var options = spec.Options with { Prefix = [.. prompt.DecoderPrefix, .. forced], MaxTokens = Math.Min(limit, DecodingOptions.MostTokens) };

        var text = new OneTextStream(_model, forced, spec.Stops);
        Send((spec.IsOneAnswer ? text.Beginning : "", ""));
        var job = await GenerateAsync(prompt, options, spec, mayStream: true, text.Append, () => text.IsStopped, Send);
        var parts = job.Answers.Select(answer => OneTextParts.Of(_model, answer, forced, spec.Stops)).ToArray();
        Send(job.WantsTokens ? text.Flush() : (parts[0].Rationale.Text, parts[0].Label.Text));
        foreach (var task in new[] { PredictionTask.Rationale, PredictionTask.Label }.Where(task => task == PredictionTask.Label ? ask.WantsLabel : ask.WantsRationale))
        {
            AnswerPart[] own = [.. parts.Select(part => task == PredictionTask.Label ? part.Label : part.Rationale)];
            Send(AnswerMessages.Of(task, _model.Tokenizer, prompt.Input, job, tokenized, spec.Seed, own));
        }
    }

    private async Task<GenerationJob> GenerateAsync(
        TaskPrompt prompt, DecodingOptions options, DecodingSpec spec, bool mayStream, Func<int, (string First, string Second)> read, Func<bool> isStopped, Action<(string First, string Second)> send)
    {
        var wantsTokens = spec.IsOneAnswer && mayStream && (ask.WantsDeltas || spec.Stops.Count > 0);
        var job = await lease.StartAsync(prompt.Input.Ids, _model.Card.PrefixOnDecoder, options, wantsTokens, ask.Caller);
        await using var gone = job.EndWithCaller();
        while (await job.Feed.WaitAsync())
        {
            // As many as have come make one message: whoever cannot keep up gets fewer.
            var (first, second) = ("", "");
            while (job.Feed.TryRead(out var token))
            {
                var (more, label) = isStopped() ? ("", "") : read(token);
                (first, second) = (Join(first, more), Join(second, label));
            }

            if (isStopped())
            {
                job.Stop();
            }

            send((first, second));
        }

        return job;
    }

    // With the prefix on the decoder the label stands there, too.
    private void RequirePrefixFits(DecodingOptions options) => RpcFailure.Require(
        options.Prefix.Count <= DecodingOptions.MostPrefixTokens,
        ask.GivenLabel.Length > 0 ? "given_label" : "max_output_tokens",
        $"the label is too long to be explained: with the prefixes it may have {DecodingOptions.MostPrefixTokens} tokens");

    private AnswerPart PartOf(GeneratedAnswer answer, IReadOnlyList<int> forced, DecodingSpec spec, CandidateSet? candidates)
    {
        var (text, tokens, isStopped) = AnswerText.Of(_model.Tokenizer, forced, spec.Stops, answer.Tokens);
        var end = isStopped ? FinishReason.Stop : answer.HasEnded ? FinishReason.EndOfSequence : FinishReason.Length;
        return new AnswerPart(candidates is null ? text : candidates.LabelOf(text), end, 0, tokens);
    }

    private static string Join(string text, string more) => text.Length == 0 ? more : more.Length == 0 ? text : text + more;

    private void Send((string Rationale, string Label) more)
    {
        Send(PredictionTask.Rationale, ask.WantsRationale ? more.Rationale : "");
        Send(PredictionTask.Label, ask.WantsLabel ? more.Label : "");
    }

    private void Send(PredictionTask task, string text)
    {
        if (text.Length > 0 && ask.WantsDeltas)
        {
            output.TryWrite(new StreamPredictResponse { Delta = new AnswerDelta { Task = task, Text = text } });
        }
    }

    private void Send(TaskAnswer answer)
    {
        ServingMetrics.Answered(served.Name, answer);
        output.TryWrite(new StreamPredictResponse { Answer = answer });
    }
}
