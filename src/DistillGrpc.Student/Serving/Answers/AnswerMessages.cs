using DistillGrpc.Contracts.V1;
using DistillGrpc.Modeling.Tokenizers;
using DistillGrpc.Student.Serving.Scheduling;
using Google.Protobuf.WellKnownTypes;

namespace DistillGrpc.Student.Serving.Answers;

/// <summary>Makes messages of what a model has written.</summary>
/// <param name="model">The version's name.</param>
/// <param name="tokenizer">Its tokenizer.</param>
internal sealed class AnswerMessages(string model, ITokenizer tokenizer)
{
    /// <summary>The answer to a task.</summary>
    /// <param name="task">The task.</param>
    /// <param name="input">What was read.</param>
    /// <param name="jobs">How long that took: all that was written for it.</param>
    /// <param name="tokenized">How long it took to make tokens of the input.</param>
    /// <param name="seed">The seed, where any was drawn from.</param>
    /// <param name="parts">What the task has of each answer, the best first.</param>
    public TaskAnswer Of(PredictionTask task, EncodedInput input, IReadOnlyList<GenerationJob> jobs, TimeSpan tokenized, long? seed, IReadOnlyList<AnswerPart> parts)
    {
        var part = parts[0];
        var answer = new TaskAnswer
        {
            Model = model,
            Task = task,
            Text = part.Text,
            FinishReason = part.End,
            Usage = new Usage { InputTokens = input.Ids.Length, OutputTokens = part.Count },
            InputTruncated = input.Truncated,
            Timings = new Timings
            {
                Queue = Sum(jobs, job => job.Queued),
                Tokenize = Duration.FromTimeSpan(tokenized),
                Encode = Sum(jobs, job => job.Encoded),
                Decode = Sum(jobs, job => job.Decoded),
            },
        };
        answer.Tokens.AddRange(Positions(part));
        if (part.Answer.LogProbabilities.Count > 0)
        {
            (answer.LogProbability, answer.Score) = (part.LogProbability, part.Score);
        }

        if (seed is { } drawn)
        {
            answer.Seed = drawn;
        }

        answer.Alternatives.AddRange(parts.Skip(1).Select(Alternative));
        return answer;
    }

    /// <summary>A rationale that was given: nothing was written for it.</summary>
    public TaskAnswer Given(string rationale)
    {
        var nothing = Duration.FromTimeSpan(TimeSpan.Zero);
        return new TaskAnswer
        {
            Model = model,
            Task = PredictionTask.Rationale,
            Text = rationale,
            FinishReason = FinishReason.EndOfSequence,
            Usage = new Usage(),
            Timings = new Timings { Queue = nothing, Tokenize = nothing, Encode = nothing, Decode = nothing },
        };
    }

    private AlternativeAnswer Alternative(AnswerPart part)
    {
        var alternative = new AlternativeAnswer { Text = part.Text, FinishReason = part.End, OutputTokens = part.Count, LogProbability = part.LogProbability, Score = part.Score };
        alternative.Tokens.AddRange(Positions(part));
        return alternative;
    }

    private static Duration Sum(IReadOnlyList<GenerationJob> jobs, Func<GenerationJob, TimeSpan> part) => Duration.FromTimeSpan(jobs.Aggregate(TimeSpan.Zero, (sum, job) => sum + part(job)));

    private IEnumerable<TokenPosition> Positions(AnswerPart part) =>
        part.Answer.TopLogProbabilities.Skip(part.First).Take(part.Count).Select(tokens =>
        {
            var position = new TokenPosition();
            position.Tokens.AddRange(tokens.Select(token => new TokenLogProbability { Token = tokenizer.Token(token.Id), LogProbability = token.LogProbability }));
            return position;
        });
}
