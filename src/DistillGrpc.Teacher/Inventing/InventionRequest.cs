using DistillGrpc.Contracts.V1;
using DistillGrpc.Hosting;

namespace DistillGrpc.Teacher.Inventing;

/// <summary>Checks a request for invented inputs.</summary>
internal static class InventionRequest
{
    private const int MaxDescription = 4000;
    private const int MaxLabels = 1000;
    private const int MaxLabelLength = 200;
    private const int MaxSeeds = 50;
    private const int MaxSegments = 16;
    private const int MaxSeedCharacters = 100_000;
    private const int MaxCount = 100_000;

    /// <summary>Refuses what cannot be asked.</summary>
    /// <exception cref="Grpc.Core.RpcException">INVALID_ARGUMENT, with the field.</exception>
    public static void Check(InventInputsRequest request)
    {
        RpcFailure.Require(!string.IsNullOrWhiteSpace(request.TaskDescription) && request.TaskDescription.Length <= MaxDescription, "task_description", $"must have 1 to {MaxDescription} characters");
        RpcFailure.Require(request.Count is >= 1 and <= MaxCount, "count", $"must be 1 to {MaxCount}");
        RpcFailure.Require(!request.HasTemperature || request.Temperature is >= 0 and <= 2, "temperature", "must be between 0 and 2");
        RpcFailure.Require(request.BudgetNanos >= 0, "budget_nanos", "must not be negative");
        ResourceId.RequireOptional(request.Tag, "tag");
        RpcFailure.Require(request.Labels.Count <= MaxLabels, "labels", $"must be at most {MaxLabels}");
        RpcFailure.Require(request.Labels.All(label => !string.IsNullOrWhiteSpace(label) && label.Length <= MaxLabelLength), "labels", $"must have 1 to {MaxLabelLength} characters each");
        RpcFailure.Require(request.Labels.Distinct(StringComparer.Ordinal).Count() == request.Labels.Count, "labels", "must not hold one twice");
        RpcFailure.Require(request.Seeds.Count <= MaxSeeds, "seeds", $"must be at most {MaxSeeds}");
        RpcFailure.Require(request.Seeds.All(seed => seed.Segments.Count is >= 1 and <= MaxSegments && !seed.Segments.Any(string.IsNullOrWhiteSpace)), "seeds.segments", $"must be 1 to {MaxSegments} texts, none empty");
        RpcFailure.Require(request.Seeds.Select(seed => seed.Segments.Count).Distinct().Count() <= 1, "seeds.segments", "must be as many in every seed");
        RpcFailure.Require(request.Seeds.Sum(seed => seed.Segments.Sum(segment => (long)segment.Length)) <= MaxSeedCharacters, "seeds", $"may have {MaxSeedCharacters} characters in all");
    }
}
