using DistillGrpc.Contracts.V1;
using DistillGrpc.Hosting;
using DistillGrpc.Student.Models;
using DistillGrpc.Student.Serving.Requests;
using DistillGrpc.Student.Serving.Scheduling;
using DistillGrpc.Student.Serving.Traffic;

namespace DistillGrpc.Student.Serving.Classifying;

/// <summary>Weighs labels, and finds out who answers: the student where it is sure enough, else the Teacher, or nobody.</summary>
internal sealed class Classifier(ModelCatalog catalog, TrafficRoutes routes, ClassificationReader reader, GivenRationales rationales, Escalations escalations, StudentOptions options, TimeProvider time)
{
    private const int MostTries = 10;

    /// <summary>Answers a request.</summary>
    /// <exception cref="Grpc.Core.RpcException">What InferenceService says.</exception>
    public Task<ClassifyResponse> AnswerAsync(ClassifyRequest request, Caller caller) => AnswerAsync(request, caller, 1);

    private async Task<ClassifyResponse> AnswerAsync(ClassifyRequest request, Caller caller, int tries)
    {
        var named = catalog.Find(request.Model, "model");
        var asked = reader.Read(request, caller);
        // To a shadow only labels that are written are given.
        var model = routes.Of(named, new PredictRequest { Model = request.Model, Segments = { request.Segments }, RoutingKey = request.RoutingKey, Task = PredictionTask.Rationale }).Model;
        model.RequireLoaded();
        ClassificationReader.RequireAble(model.Name, model.Card, asked);
        if (model.Card.Form == PredictionForm.LabelFromRationale && asked.GivenRationale.Length == 0)
        {
            asked = asked with { GivenRationale = await rationales.AskAsync(model.Card, asked.Segments, caller.CancellationToken) };
        }

        if (model.Enter() is not { } lease)
        {
            // Another version has taken its place meanwhile.
            return tries < MostTries
                ? await AnswerAsync(request, caller, tries + 1)
                : throw RpcFailure.Unavailable("MODEL_UNLOADING", $"{model.Name} is being unloaded.", TimeSpan.FromSeconds(1));
        }

        try
        {
            var response = await WeighAsync(model, lease, asked);
            ServingMetrics.Classified(model.Name, response.AnsweredBy);
            return response;
        }
        catch (Exception failure)
        {
            ServingMetrics.NotAnswered(model.Name, PredictionTask.Label, failure);
            throw;
        }
    }

    private async Task<ClassifyResponse> WeighAsync(ServedModel model, ServingLease lease, Classification asked)
    {
        ClassifyResponse response;
        IReadOnlyList<string> labels;
        // Whoever waits for the Teacher does not keep a version that is to go.
        using (lease)
        {
            var set = reader.Labels(model.Name, model.Model, asked);
            labels = set.InOrder();
            var fitted = model.Model.Calibration is { Temperature: > 0 and var found } ? found : (double?)null;
            response = await new LabelWeighing(model, lease, asked, options, time).RunAsync(set, asked.Temperature ?? fitted ?? 1);
            response.Calibrated = fitted is not null && asked.Temperature is null && (asked.Labels.Count == 0 || asked.Labels.ToHashSet(StringComparer.Ordinal).SetEquals(model.Card.Labels));
        }

        if (asked.MinProbability is not { } least || response.Labels[0].Probability >= least)
        {
            (response.AnsweredBy, response.Label) = (AnsweredBy.Student, response.Labels[0].Label);
            return response;
        }

        response.AnsweredBy = AnsweredBy.Nobody;
        if (asked.Escalation is not null)
        {
            await escalations.AskAsync(response, asked, model.Name, model.Card, labels);
        }

        return response;
    }
}
