using DistillGrpc.Contracts.V1;
using DistillGrpc.Student.Models;
using DistillGrpc.Student.Serving.Scheduling;

namespace DistillGrpc.Student.Serving.Classifying;

/// <summary>Weighs labels, and finds out who answers: the student where it is sure enough, else the Teacher, or nobody.</summary>
internal sealed class Classifier(ModelCatalog catalog, ClassificationReader reader, GivenRationales rationales, Escalations escalations, StudentOptions options, TimeProvider time)
{
    /// <summary>Answers a request.</summary>
    /// <exception cref="Grpc.Core.RpcException">What InferenceService says.</exception>
    public async Task<ClassifyResponse> AnswerAsync(ClassifyRequest request, Caller caller)
    {
        var model = catalog.Find(request.Model, "model");
        var asked = reader.Read(request, caller);
        model.RequireLoaded();
        ClassificationReader.RequireAble(model.Name, model.Card, asked);
        if (model.Card.Form == PredictionForm.LabelFromRationale && asked.GivenRationale.Length == 0)
        {
            asked = asked with { GivenRationale = await rationales.AskAsync(model.Card, asked.Segments, caller.CancellationToken) };
        }

        if (model.Enter() is not { } lease)
        {
            // Another version has taken its place meanwhile.
            return await AnswerAsync(request, caller);
        }

        try
        {
            var response = await WeighAsync(model, lease, asked);
            ServingMetrics.Classified(model.Name, response.AnsweredBy);
            return response;
        }
        catch (Exception failure)
        {
            ServingMetrics.NotAnswered(model.Name, PredictionTask.Label, failure is OperationCanceledException);
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
