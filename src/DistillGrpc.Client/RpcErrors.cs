using Google.Protobuf;
using Google.Rpc;
using Grpc.Core;

namespace DistillGrpc.Client;

/// <summary>Reads the details of a failed call.</summary>
public static class RpcErrors
{
    /// <summary>One line for people: what failed, and when to try again.</summary>
    public static string Describe(RpcException failure)
    {
        ArgumentNullException.ThrowIfNull(failure);
        var again = RetryDelay(failure) is { } delay ? $" Try again in {delay.TotalSeconds:0.#} s." : "";
        // What has no reason and came from no service of ours is the library's, about the connection.
        var isOurs = Reason(failure) is not null || failure.StatusCode is not (StatusCode.Unavailable or StatusCode.Internal);
        var said = isOurs ? failure.Status.Detail
            : IsSilence(failure) ? "The service is there, but answers nothing any more: it is frozen or suspended, or its machine is overloaded."
            : "The service cannot be reached: is it running at this address, and is it one of these?";
        return $"{said}{again} ({failure.StatusCode}{(Reason(failure) is { } reason ? $", {reason}" : "")})";
    }

    /// <summary>Whether a call was given up because the service answered no ping: it takes connections, or took this one, and does nothing.</summary>
    public static bool IsSilence(RpcException failure)
    {
        ArgumentNullException.ThrowIfNull(failure);
        // Nothing but its words tells it from other failures of the protocol.
        return failure.StatusCode is StatusCode.Unavailable or StatusCode.Internal && failure.Status.Detail.Contains("didn't respond to a ping request", StringComparison.Ordinal);
    }

    /// <summary>The stable reason, or null where the service gave none.</summary>
    public static string? Reason(RpcException failure) => Detail<ErrorInfo>(failure)?.Reason;

    /// <summary>The refused field, or null.</summary>
    public static string? Field(RpcException failure) => Detail<BadRequest>(failure)?.FieldViolations.FirstOrDefault()?.Field;

    /// <summary>What was refused, one by one: each a line for people. Empty where the service gave none.</summary>
    public static IReadOnlyList<string> Violations(RpcException failure) =>
        Detail<BadRequest>(failure)?.FieldViolations.Select(violation => violation.Description).ToArray() ?? [];

    /// <summary>After which time the service wants to be asked again, or null.</summary>
    public static TimeSpan? RetryDelay(RpcException failure)
    {
        try
        {
            return Detail<RetryInfo>(failure)?.RetryDelay?.ToTimeSpan() is { Ticks: >= 0 } delay ? delay : null;
        }
        catch (InvalidOperationException)
        {
            // It is no duration.
            return null;
        }
    }

    // Details that cannot be read are as good as none: the status itself is there.
    private static T? Detail<T>(RpcException failure)
        where T : class, IMessage<T>, new()
    {
        ArgumentNullException.ThrowIfNull(failure);
        try
        {
            return failure.GetRpcStatus()?.GetDetail<T>();
        }
        catch (InvalidProtocolBufferException)
        {
            return null;
        }
    }
}
