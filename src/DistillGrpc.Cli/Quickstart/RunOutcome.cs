using DistillGrpc.Contracts.V1;

namespace DistillGrpc.Cli.Quickstart;

/// <summary>What a run's events said.</summary>
internal sealed class RunOutcome
{
    public List<double> Accuracies { get; } = [];

    public TrainingResult Result { get; private set; } = new();

    public double TokensPerSecond { get; private set; }

    public void Add(TrainingEvent response)
    {
        if (response.Evaluation is { Phase: TrainingPhase.Unspecified } evaluation)
        {
            Accuracies.Add((double)evaluation.Correct / evaluation.Examples);
        }

        TokensPerSecond = response.Progress is { Phase: TrainingPhase.Unspecified } progress ? progress.TokensPerSecond : TokensPerSecond;
        Result = response.Result ?? Result;
    }
}
