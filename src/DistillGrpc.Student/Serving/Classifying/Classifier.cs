using DistillGrpc.Contracts.V1;
using DistillGrpc.Student.Serving.Requests;
using DistillGrpc.Student.Serving.Scheduling;
using DistillGrpc.Student.Serving.Traffic;

namespace DistillGrpc.Student.Serving.Classifying;

/// <summary>Weighs labels, and finds out who answers: the student where it is sure enough, else the Teacher, or nobody.</summary>
internal sealed class Classifier(Entrance entrance, ClassificationReader reader, Escalations escalations, StudentOptions options, TimeProvider time)
{
    /// <summary>Answers a request.</summary>
    /// <exception cref="Grpc.Core.RpcException">What InferenceService says.</exception>
    public async Task<ClassifyResponse> AnswerAsync(ClassifyRequest request, Caller caller)
    {
        var asked = reader.Read(request, caller);
        // To a shadow only labels that are written are given.
        var routed = new PredictRequest { Model = request.Model, Segments = { request.Segments }, RoutingKey = request.RoutingKey, Task = PredictionTask.Rationale, GivenRationale = request.GivenRationale };
        var entry = await entrance.EnterAsync(
            routed,
            version =>
            {
                ClassificationReader.RequireAble(version.Name, version.Card, asked);
                return false;
            },
            caller.CancellationToken);
        var model = entry.Route.Model;
        try
        {
            var response = await WeighAsync(model, entry.Lease!, asked with { GivenRationale = entry.GivenRationale });
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
