using System.Globalization;
using DistillGrpc.Cli.Training;
using DistillGrpc.Client;
using DistillGrpc.Contracts.V1;
using Google.Protobuf;

namespace DistillGrpc.Cli.Jobs;

/// <summary>A Student's training jobs.</summary>
internal sealed class TrainingJobs(TrainingClient client) : IJobs
{
    public const string Prefix = "trainingJobs/";

    public string Collection => Prefix;

    public TrainingClient Client => client;

    public IAsyncEnumerable<IMessage> ListAsync(CancellationToken cancellationToken) => client.ListAsync(cancellationToken);

    public async Task<IMessage> GetAsync(string name, CancellationToken cancellationToken) => await client.GetAsync(name, cancellationToken);

    public async Task<IMessage> PauseAsync(string name, CancellationToken cancellationToken) => await client.PauseAsync(name, cancellationToken);

    public async Task<IMessage> ResumeAsync(string name, long? budget, CancellationToken cancellationToken) =>
        budget is null ? await client.ResumeAsync(name, cancellationToken) : throw new InvalidDataException($"--budget: {name} trains, which costs nothing.");

    public async Task<IMessage> CancelAsync(string name, CancellationToken cancellationToken) => await client.CancelAsync(name, cancellationToken);

    public Task DeleteAsync(string name, CancellationToken cancellationToken) => client.DeleteAsync(name, cancellationToken);

    public async Task WatchAsync(string name, bool isJson, CancellationToken cancellationToken)
    {
        var output = new TrainingOutput(isJson);
        await foreach (var happened in client.WatchAsync(name, 0, cancellationToken))
        {
            await output.ShowAsync(happened);
        }

        output.ThrowIfNotSucceeded(name);
    }

    public string Line(IMessage job) => Text((TrainingJob)job);

    /// <summary>One line: state, model, steps, losses, time that is left.</summary>
    public static string Text(TrainingJob job)
    {
        var why = job.Reason.Length > 0 ? $" ({job.Reason}{(job.Message.Length > 0 ? $": {job.Message}" : "")})" : "";
        var steps = job.Progress is { } at ? string.Create(CultureInfo.InvariantCulture, $", {TrainingOutput.Name(at.Phase)}step {at.Step} of {at.TotalSteps}, loss {at.Loss:0.000}, {at.TokensPerSecond:0} tokens/s") : "";
        var right = job.Evaluation is { } evaluation ? $", {evaluation.Correct} of {evaluation.Examples} right" : "";
        var left = job is { State: TrainingJobState.Running, Progress.Remaining: { } remaining } ? $", ETA {ProgressLine.Left(remaining.ToTimeSpan())}" : "";
        var made = job.Result?.Model ?? $"models/{job.Spec?.ModelId}";
        return $"{job.Name} {job.State}{why}: {made}{steps}{right}{left}";
    }
}
