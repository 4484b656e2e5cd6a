using DistillGrpc.Contracts.V1;
using Grpc.Core;

namespace DistillGrpc.Student.Serving.Answers;

/// <summary>A call's failure as that of one row.</summary>
internal static class RowErrors
{
    /// <summary>With what the failure's details say.</summary>
    public static RowError Of(RpcException refused)
    {
        var details = refused.GetRpcStatus();
        return new RowError
        {
            Code = (int)refused.StatusCode,
            Message = refused.Status.Detail,
            Reason = details?.GetDetail<Google.Rpc.ErrorInfo>()?.Reason ?? "",
            Field = details?.GetDetail<Google.Rpc.BadRequest>()?.FieldViolations.FirstOrDefault()?.Field ?? "",
        };
    }
}
