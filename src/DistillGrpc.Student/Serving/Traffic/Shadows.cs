using System.Threading.Channels;
using DistillGrpc.Contracts.V1;
using DistillGrpc.Hosting;
using DistillGrpc.Student.Models;
using DistillGrpc.Student.Serving.Answers;
using DistillGrpc.Student.Serving.Explaining;
using DistillGrpc.Student.Serving.Requests;
using DistillGrpc.Student.Serving.Scheduling;

namespace DistillGrpc.Student.Serving.Traffic;

/// <summary>
/// Gives answered requests to a shadow too, and compares its label with the one that was given. The caller has his answer by then, and never
/// learns of it: what fails, is late or finds no room is counted.
/// </summary>
internal sealed class Shadows(StudentOptions options, PredictionStore predictions, TimeProvider time, IHostApplicationLifetime lifetime)
{
    private int _running;

    /// <summary>Has a request's answers looked at when they are given; with a route that has no shadow nothing is.</summary>
    /// <param name="route">Who answers it.</param>
    /// <param name="request">The request.</param>
    /// <param name="ask">The same, read.</param>
    /// <param name="caller">The caller's side.</param>
    public ChannelWriter<StreamPredictResponse> Observe(Route route, PredictRequest request, Ask ask, ChannelWriter<StreamPredictResponse> caller) =>
        route is not { Shadow: { } shadow, Figures: { } figures } ? caller
        : new ObservedAnswers(caller, answers =>
        {
            if (answers.FirstOrDefault(part => part.Answer?.Task == PredictionTask.Label)?.Answer is { } given)
            {
                Start(new Comparison(shadow, figures, request, ask, given.Text, Spent(given)));
            }
        });

    private void Start(Comparison comparison)
    {
        if (Interlocked.Increment(ref _running) > options.MaxShadows)
        {
            Interlocked.Decrement(ref _running);
            comparison.Figures.Dropped();
            ServingMetrics.Shadowed(comparison.Shadow.Name, "dropped");
            return;
        }

        _ = Task.Run(() => RunAsync(comparison));
    }

    private async Task RunAsync(Comparison comparison)
    {
        var shadow = comparison.Shadow;
        try
        {
            using var late = new CancellationTokenSource(options.ShadowTimeout, time);
            using var ended = CancellationTokenSource.CreateLinkedTokenSource(late.Token, lifetime.ApplicationStopping);
            var label = await AnswerAsync(comparison, ended.Token);
            var isEqual = label.Text == comparison.Label;
            comparison.Figures.Compared(isEqual, comparison.Spent, Spent(label));
            ServingMetrics.Shadowed(shadow.Name, isEqual ? "equal" : "different");
        }
        catch (Exception)
        {
            // Whatever it is: the model has logged what is its own, and a request that it cannot take is a figure.
            comparison.Figures.Failed();
            ServingMetrics.Shadowed(shadow.Name, "failed");
        }
        finally
        {
            Interlocked.Decrement(ref _running);
        }
    }

    private async Task<TaskAnswer> AnswerAsync(Comparison comparison, CancellationToken cancellationToken)
    {
        var (shadow, ask) = (comparison.Shadow, comparison.Ask);
        shadow.RequireLoaded();
        AskReader.RequireAble(shadow.Name, shadow.Card, comparison.Request);
        // A Teacher is not asked, and paid, for nobody.
        if ((shadow.Card.Form == PredictionForm.LabelFromRationale && ask.GivenRationale.Length == 0) || shadow.Enter() is not { } lease)
        {
            throw RpcFailure.FailedPrecondition("NO_SHADOW", $"{shadow.Name} cannot be asked.");
        }

        var output = Channel.CreateUnbounded<StreamPredictResponse>();
        var caller = new Caller(Priority.Batch, DateTimeOffset.MaxValue, cancellationToken);
        await new AnswerFlow(shadow, lease, ask with { Caller = caller, WantsDeltas = false, Stores = false, ChecksConsistency = false }, output.Writer, predictions, time).RunAsync();
        return (await output.Reader.ReadAllAsync(CancellationToken.None).FirstAsync(part => part.Answer.Task == PredictionTask.Label, CancellationToken.None)).Answer;
    }

    private static TimeSpan Spent(TaskAnswer answer) => answer.Timings.Encode.ToTimeSpan() + answer.Timings.Decode.ToTimeSpan();

    private sealed record Comparison(ServedModel Shadow, ShadowFigures Figures, PredictRequest Request, Ask Ask, string Label, TimeSpan Spent);
}
