using DistillGrpc.Contracts.V1;
using DistillGrpc.Modeling.Decoding;
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
    /// <param name="job">What was written.</param>
    /// <param name="tokenized">How long it took to make tokens of the input.</param>
    /// <param name="seed">The seed, where any was drawn from.</param>
    /// <param name="parts">What the task has of each answer.</param>
    public TaskAnswer Of(PredictionTask task, EncodedInput input, GenerationJob job, TimeSpan tokenized, long? seed, IReadOnlyList<AnswerPart> parts)
    {
        var (best, part) = (job.Answers[0], parts[0]);
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
                Queue = Duration.FromTimeSpan(job.Queued),
                Tokenize = Duration.FromTimeSpan(tokenized),
                Encode = Duration.FromTimeSpan(job.Encoded),
                Decode = Duration.FromTimeSpan(job.Decoded),
            },
        };
        answer.Tokens.AddRange(Positions(best, part));
        if (best.LogProbabilities.Count > 0)
        {
            (answer.LogProbability, answer.Score) = (LogProbability(best, part), Score(best, part));
        }

        if (seed is { } drawn)
        {
            answer.Seed = drawn;
        }

        answer.Alternatives.AddRange(job.Answers.Zip(parts).Skip(1).Select(other => Alternative(other.First, other.Second)));
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

    private AlternativeAnswer Alternative(GeneratedAnswer answer, AnswerPart part)
    {
        var alternative = new AlternativeAnswer { Text = part.Text, FinishReason = part.End, OutputTokens = part.Count, LogProbability = LogProbability(answer, part), Score = Score(answer, part) };
        alternative.Tokens.AddRange(Positions(answer, part));
        return alternative;
    }

    private static double LogProbability(GeneratedAnswer answer, AnswerPart part) => answer.LogProbabilities.Skip(part.First).Take(part.Count).Sum(value => (double)value);

    // Of what a stop text has cut no other is known.
    private static double Score(GeneratedAnswer answer, AnswerPart part) => part.End == FinishReason.Stop ? LogProbability(answer, part) : answer.Score;

    private IEnumerable<TokenPosition> Positions(GeneratedAnswer answer, AnswerPart part) =>
        answer.TopLogProbabilities.Skip(part.First).Take(part.Count).Select(tokens =>
        {
            var position = new TokenPosition();
            position.Tokens.AddRange(tokens.Select(token => new TokenLogProbability { Token = tokenizer.Token(token.Id), LogProbability = token.LogProbability }));
            return position;
        });
}
