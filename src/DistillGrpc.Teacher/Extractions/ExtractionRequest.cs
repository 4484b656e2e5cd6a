using DistillGrpc.Contracts.V1;
using DistillGrpc.Hosting;
using Grpc.Core;

namespace DistillGrpc.Teacher.Extractions;

/// <summary>Checks requests about extractions, as far as that can be done without looking anything up.</summary>
internal static class ExtractionRequest
{
    private const int MaxNameLength = 200;
    private const int MaxReports = 1000;

    /// <summary>Refuses what cannot be created.</summary>
    /// <exception cref="RpcException">INVALID_ARGUMENT, with the field.</exception>
    public static void Check(CreateExtractionRequest request)
    {
        Check(request.Spec);
        ResourceId.RequireOptional(request.ExtractionId, "extraction_id");
        RpcFailure.Require(request.RequestId.Length <= MaxNameLength, "request_id", $"has more than {MaxNameLength} characters");
    }

    /// <summary>Refuses what no extraction can be; what its rationales ask for is the planner's to check.</summary>
    /// <exception cref="RpcException">INVALID_ARGUMENT, with the field.</exception>
    public static void Check(ExtractionSpec? spec)
    {
        RpcFailure.Require(spec?.Rationales is not null, "spec.rationales", "must be there");
        RpcFailure.Require(!spec!.Rationales.StreamText, "spec.rationales.stream_text", "is not for extractions: nobody listens");
        RpcFailure.Require(spec.DisplayName.Length <= MaxNameLength, "spec.display_name", $"has more than {MaxNameLength} characters");
        RpcFailure.Require(spec.Stopping is null || spec.Stopping.Reports is >= 1 and <= MaxReports, "spec.stopping.reports", $"must be 1 to {MaxReports}");
        RpcFailure.Require(spec.Stopping is null || double.IsFinite(spec.Stopping.MinGain), "spec.stopping.min_gain", "must be a finite number");
    }

    /// <summary>The id in an extraction's name.</summary>
    /// <exception cref="RpcException">INVALID_ARGUMENT, with the field.</exception>
    public static string IdOf(string name, string field = "name")
    {
        var isName = name.StartsWith(StoredExtraction.Collection, StringComparison.Ordinal) && ResourceId.IsId(name[StoredExtraction.Collection.Length..]);
        RpcFailure.Require(isName, field, "must look like extractions/{id}");
        return name[StoredExtraction.Collection.Length..];
    }

    /// <summary>What a caller hears whose extraction is not there.</summary>
    public static RpcException NotFound(string id) => RpcFailure.NotFound("EXTRACTION_NOT_FOUND", $"There is no extraction '{StoredExtraction.Collection}{id}'.");
}
