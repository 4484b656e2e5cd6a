using DistillGrpc.Contracts.V1;
using DistillGrpc.Teacher.Prompts;
using DistillGrpc.Teacher.Symbolic;
using Grpc.Core;

namespace DistillGrpc.Teacher.Backends;

/// <summary>The embedded teacher: solves word problems of the kind that the quickstart makes, step by step, in words.</summary>
internal sealed class SymbolicBackend : ITeacherBackend
{
    public string Kind => "symbolic";

    public string Model => "";

    public Prompt? DefaultPrompt => null;

    public async ValueTask<BackendAnswer> AnswerAsync(Example input, RationaleQuery query, TextListener? onText, CancellationToken cancellationToken)
    {
        if (!ProblemSolver.TrySolve(string.Join(' ', input.Segments), out var solution, out var reason))
        {
            throw new TeacherRowException(StatusCode.InvalidArgument, "NOT_SOLVABLE", $"segments: {reason}", "segments");
        }

        var said = new List<string>();
        foreach (var step in solution.Steps.Append($"The answer is {solution.Equation}."))
        {
            said.Add(said.Count == 0 ? step : " " + step);
            if (onText is not null)
            {
                await onText(said[^1], isRestart: false);
            }
        }

        return new BackendAnswer(ParseOutcome.Parsed, solution.Rationale, solution.Equation, string.Concat(said), "stop");
    }
}
