using System.ClientModel;
using System.Data.Common;
using System.Security.Authentication;
using System.Text.Json;
using Grpc.Core;

namespace DistillGrpc.Teacher.Backends.OpenAi;

/// <summary>What a failed call to an endpoint means.</summary>
internal enum UpstreamKind
{
    /// <summary>It may work in a moment: a timeout, a cut stream, 429, 5xx.</summary>
    Transient,

    /// <summary>It could not be reached; it may be up again in a moment.</summary>
    Unreachable,

    /// <summary>This input is refused; others may not be.</summary>
    Input,

    /// <summary>Everything is refused: the key, the model, the account.</summary>
    Everything,
}

/// <summary>A failed call to an endpoint, by its kind. Its text holds nothing that the endpoint said.</summary>
internal sealed class UpstreamFailure(UpstreamKind kind, StatusCode code, string reason, string message, TimeSpan? retryAfter = null, Exception? inner = null) : Exception(message, inner)
{
    private const int MaxCodeLength = 64;
    private const string Throttled = "TEACHER_THROTTLED";
    private const int MaxErrorBytes = 1 << 16;

    public UpstreamKind Kind => kind;

    public StatusCode Code => code;

    public string Reason => reason;

    /// <summary>When the endpoint wants to be asked again, where it says so.</summary>
    public TimeSpan? RetryAfter => retryAfter;

    /// <summary>Nothing was written for it: the endpoint said no, or was not reached.</summary>
    public bool IsRefused { get; private init; }

    /// <summary>The endpoint takes no more calls now, and is well otherwise.</summary>
    public bool IsThrottled => reason == Throttled;

    /// <summary>The call was not made, since the endpoint fails.</summary>
    public bool IsLeftAlone { get; private init; }

    public bool MayPass => kind is UpstreamKind.Transient or UpstreamKind.Unreachable;

    public static UpstreamFailure CutStream() => new(UpstreamKind.Transient, StatusCode.Unavailable, "TEACHER_STREAM_CUT", "The teacher's answer stopped before its end.");

    public static UpstreamFailure LeftAlone(TimeSpan? retryAfter) =>
        new(UpstreamKind.Unreachable, StatusCode.Unavailable, "TEACHER_LEFT_ALONE", "The teacher's endpoint fails, and is left alone for a while.", retryAfter) { IsRefused = true, IsLeftAlone = true };

    public static UpstreamFailure NotNeeded() => new(UpstreamKind.Transient, StatusCode.Cancelled, "TEACHER_NOT_NEEDED", "Another call has the answer.") { IsRefused = true };

    /// <summary>Nothing was begun for this input, as far as can be told: its batch was not made, or could not be looked for. What could be tried again was.</summary>
    public static UpstreamFailure NotBatched(Exception why) => why switch
    {
        UpstreamFailure own => own,
        TeacherFailedException failed => new(UpstreamKind.Everything, failed.Code, failed.Reason, failed.Message, null, failed) { IsRefused = true },
        TeacherRowException { MayPass: true } failed => new(UpstreamKind.Input, failed.Code, failed.Reason, failed.Message) { IsRefused = true },
        // Not this input is to blame.
        TeacherRowException => new(UpstreamKind.Everything, StatusCode.FailedPrecondition, "BATCH_REFUSED", "The teacher's endpoint does not take batches.", null, why) { IsRefused = true },
        DbException => new(UpstreamKind.Everything, StatusCode.Unavailable, "STATE_FAILED", "The Teacher cannot write its state; its log says why.", null, why) { IsRefused = true },
        _ => new(UpstreamKind.Everything, StatusCode.Unavailable, "BATCH_NOT_MADE", "A batch was not made.", null, why) { IsRefused = true },
    };

    /// <summary>A batch has ended without an answer to this input.</summary>
    /// <param name="why">What the batch says.</param>
    /// <param name="isFree">Whether it is known that nothing was written.</param>
    public static UpstreamFailure Unanswered(TeacherRowException why, bool isFree) =>
        new(why.MayPass ? UpstreamKind.Transient : UpstreamKind.Input, why.Code, why.Reason, why.Message) { IsRefused = isFree };

    public static UpstreamFailure TimedOut() => new(UpstreamKind.Transient, StatusCode.DeadlineExceeded, "TEACHER_TIMEOUT", "The teacher did not answer in time.");

    /// <summary>The failure that an exception of the SDK or of HTTP stands for; null where it is none of theirs.</summary>
    public static UpstreamFailure? Of(Exception failure) => failure switch
    {
        UpstreamFailure own => own,
        ClientResultException { Status: > 0 } refused when refused.GetRawResponse() is { } response =>
            OfStatus(refused.Status, response.Content.ToMemory(), name => response.Headers.TryGetValue(name, out var value) ? value : null),
        ClientResultException { Status: > 0 } refused => OfStatus(refused.Status, default, _ => null),
        _ when Find<UpstreamFailure>(failure) is { } inside => inside,
        _ when Find<HttpRequestException>(failure) is { InnerException: AuthenticationException } =>
            new(UpstreamKind.Everything, StatusCode.FailedPrecondition, "TEACHER_NOT_TRUSTED", "The teacher's endpoint has no certificate that is trusted here.", null, failure) { IsRefused = true },
        _ when Find<HttpRequestException>(failure) is { } http => new(UpstreamKind.Unreachable, StatusCode.Unavailable, "TEACHER_UNREACHABLE", $"The teacher's endpoint cannot be reached ({http.HttpRequestError}).", null, failure) { IsRefused = true },
        ClientResultException or IOException or JsonException or FormatException or InvalidOperationException or ArgumentException or KeyNotFoundException =>
            new(UpstreamKind.Transient, StatusCode.Unavailable, "TEACHER_STREAM_BROKEN", "The teacher's endpoint sent what cannot be read.", null, failure),
        _ => null,
    };

    /// <summary>The failure that a response without success stands for.</summary>
    public static async ValueTask<UpstreamFailure> OfAsync(HttpResponseMessage response, CancellationToken cancellationToken)
    {
        var body = new byte[MaxErrorBytes + 1];
        await using var content = await response.Content.ReadAsStreamAsync(cancellationToken);
        var length = await content.ReadAtLeastAsync(body, body.Length, throwOnEndOfStream: false, cancellationToken);
        return OfStatus((int)response.StatusCode, body.AsMemory(0, length), name => response.Headers.TryGetValues(name, out var values) ? values.First() : null);
    }

    // Without what the endpoint said: it may repeat the key, and would get into the log.
    private static UpstreamFailure OfStatus(int status, ReadOnlyMemory<byte> body, Func<string, string?> header)
    {
        var error = ErrorCode(body);
        var said = error.Length > 0 ? $"HTTP {status}, {error}" : $"HTTP {status}";
        var wait = RetryAfterHeader.Read(header);
        return (status, error) switch
        {
            (_, "insufficient_quota") => new(UpstreamKind.Everything, StatusCode.ResourceExhausted, "TEACHER_QUOTA_EXHAUSTED", $"The teacher's account is used up ({said}).") { IsRefused = true },
            (429, _) => new(UpstreamKind.Transient, StatusCode.Unavailable, Throttled, $"The teacher's endpoint takes no more calls now ({said}).", wait) { IsRefused = true },
            (401 or 403, _) => new(UpstreamKind.Everything, StatusCode.FailedPrecondition, "TEACHER_DENIED", $"The teacher's endpoint does not accept the key ({said}).") { IsRefused = true },
            (404, _) => new(UpstreamKind.Everything, StatusCode.FailedPrecondition, "TEACHER_NOT_THERE", $"The teacher's endpoint has no such model or address ({said}).") { IsRefused = true },
            (408 or 409 or 425 or >= 500, _) => new(UpstreamKind.Transient, StatusCode.Unavailable, "TEACHER_FAILED", $"The teacher's endpoint failed ({said}).", wait) { IsRefused = true },
            (_, "content_filter") => new(UpstreamKind.Input, StatusCode.InvalidArgument, "CONTENT_FILTERED", $"The teacher's endpoint does not take this input ({said}).") { IsRefused = true },
            _ => new(UpstreamKind.Input, StatusCode.InvalidArgument, "TEACHER_REFUSED_INPUT", $"The teacher's endpoint refuses this input ({said}).") { IsRefused = true },
        };
    }

    // A word such as context_length_exceeded helps; anything longer may be a text with a key or an address in it.
    private static string ErrorCode(ReadOnlyMemory<byte> content)
    {
        try
        {
            if (content.Length is 0 or > MaxErrorBytes)
            {
                return "";
            }

            using var json = JsonDocument.Parse(content);
            var error = json.RootElement.GetProperty("error");
            return new[] { "code", "type" }.Select(name => error.TryGetProperty(name, out var value) && value.ValueKind == JsonValueKind.String ? value.GetString()! : "")
                .FirstOrDefault(IsCode) ?? "";
        }
        catch (Exception unreadable) when (unreadable is JsonException or InvalidOperationException or KeyNotFoundException)
        {
            return "";
        }
    }

    private static bool IsCode(string text) => text.Length is > 0 and <= MaxCodeLength && text.All(c => char.IsAsciiLetterLower(c) || c == '_');

    private static T? Find<T>(Exception? failure)
        where T : Exception
    {
        for (; failure is not null; failure = failure.InnerException)
        {
            if (failure is T found)
            {
                return found;
            }
        }

        return null;
    }
}
