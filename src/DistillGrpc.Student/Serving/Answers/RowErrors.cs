using DistillGrpc.Contracts.V1;
using Grpc.Core;

namespace DistillGrpc.Student.Serving.Answers;

/// <summary>A call's failure as that of one row.</summary>
internal static class RowErrors
{
    /// <summary>Answers a row; what fails is that row's, and not the call's.</summary>
    /// <param name="answer">Answers it.</param>
    /// <param name="refused">Makes an answer of why there is none.</param>
    /// <param name="logger">Has what a caller is not told.</param>
    /// <exception cref="OperationCanceledException">The caller has gone.</exception>
    public static async Task<T> GuardAsync<T>(Func<Task<T>> answer, Func<RowError, T> refused, ILogger logger)
    {
        try
        {
            return await answer();
        }
        catch (RpcException refusal)
        {
            return refused(Of(refusal));
        }
        catch (Exception failure) when (failure is not OperationCanceledException)
        {
            StudentLog.AnswerFailed(logger, failure);
            return refused(new RowError { Code = (int)StatusCode.Internal, Reason = "INTERNAL", Message = "The model failed on this input; the log says why." });
        }
    }

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
