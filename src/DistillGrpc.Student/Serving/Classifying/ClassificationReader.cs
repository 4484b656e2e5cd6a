using DistillGrpc.Contracts.V1;
using DistillGrpc.Hosting;
using DistillGrpc.Student.Models;
using DistillGrpc.Student.Serving.Requests;
using DistillGrpc.Student.Serving.Scheduling;

namespace DistillGrpc.Student.Serving.Classifying;

/// <summary>Reads and checks requests to weigh labels.</summary>
internal sealed class ClassificationReader(StudentOptions options)
{
    /// <summary>Reads a request.</summary>
    /// <exception cref="Grpc.Core.RpcException">INVALID_ARGUMENT, with the field.</exception>
    public Classification Read(ClassifyRequest request, Caller caller)
    {
        RpcFailure.Require(request.Segments.Count > 0 && !request.Segments.Any(string.IsNullOrWhiteSpace), "segments", "must hold at least one text, and none may be empty");
        var characters = request.Segments.Sum(segment => (long)segment.Length) + request.GivenRationale.Length;
        RpcFailure.Require(characters <= options.MaxInputCharacters, "segments", $"may have {options.MaxInputCharacters} characters in all, with given_rationale");
        CandidateSet.Check(request.Labels, "labels", options.MaxLabels);
        RpcFailure.Require(request.Labels.Sum(label => (long)label.Length) <= options.MaxInputCharacters, "labels", $"may have {options.MaxInputCharacters} characters in all");
        RpcFailure.Require(request.RoutingKey.Length <= AskReader.MaxRoutingKey, "routing_key", $"may have {AskReader.MaxRoutingKey} characters");
        RpcFailure.Require(request.TopK >= 0, "top_k", "must not be negative");
        // "is" also refuses NaN.
        RpcFailure.Require(!request.HasMinProbability || request.MinProbability is >= 0 and <= 1, "min_probability", "must be 0 to 1");
        RpcFailure.Require(!request.HasTemperature || request.Temperature is >= 0.01 and <= 100, "temperature", "must be 0.01 to 100");
        RpcFailure.Require(request.Escalation is null || request.HasMinProbability, "escalation", "needs min_probability: else the student always answers");
        RpcFailure.Require(request.Escalation is not { Prompt.Length: > 0, Teacher.Length: 0 }, "escalation.prompt", "needs escalation.teacher");
        return new Classification
        {
            Segments = [.. request.Segments],
            Labels = request.Labels,
            TopK = request.TopK == 0 ? int.MaxValue : request.TopK,
            MinProbability = request.HasMinProbability ? request.MinProbability : null,
            Escalation = request.Escalation,
            GivenRationale = request.GivenRationale,
            Temperature = request.HasTemperature ? request.Temperature : null,
            Caller = caller,
        };
    }

    /// <summary>The labels, in a model's tokens.</summary>
    /// <exception cref="Grpc.Core.RpcException">INVALID_ARGUMENT where it cannot write one; FAILED_PRECONDITION where none is named, and it has none of its own.</exception>
    public CandidateSet Labels(string name, ServingModel model, Classification asked)
    {
        if (asked.Labels.Count > 0)
        {
            return model.Candidates.Of(asked.Labels, options.MaxOutputTokens, "labels");
        }

        return model.Card.Labels.Count == 0
            ? throw RpcFailure.FailedPrecondition("NO_LABELS", $"{name} has no labels of its own, or they are no classes: name labels.")
            : CandidateSet.Of(model, options.MaxOutputTokens) ?? throw RpcFailure.FailedPrecondition("NO_LABELS", $"{name} cannot write all of its own labels: name labels.");
    }

    /// <summary>Refuses what a model has not learnt.</summary>
    /// <exception cref="Grpc.Core.RpcException">FAILED_PRECONDITION.</exception>
    public static void RequireAble(string name, ModelCard card, Classification asked)
    {
        if (asked.GivenRationale.Length > 0 && card.Form != PredictionForm.LabelFromRationale)
        {
            throw RpcFailure.FailedPrecondition("NO_GIVEN_RATIONALE", $"{name} does not read its label from a rationale.");
        }
    }
}
