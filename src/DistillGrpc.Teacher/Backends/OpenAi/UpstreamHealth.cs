using DistillGrpc.Contracts.V1;
using DistillGrpc.Teacher.Rationales;
using Google.Protobuf.WellKnownTypes;

namespace DistillGrpc.Teacher.Backends.OpenAi;

/// <summary>
/// Whether an endpoint answers at all: calls that fail are tried again in silence, so somebody has to say it when for a while none
/// gets through.
/// </summary>
/// <param name="teacher">Whose endpoint it is.</param>
/// <param name="time">The clock.</param>
/// <param name="logger">Hears of it, now and then.</param>
internal sealed class UpstreamHealth(string teacher, TimeProvider time, ILogger logger)
{
    private const int ManyInARow = 3;
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(5);
    private static readonly TimeSpan LogInterval = TimeSpan.FromMinutes(5);
    private readonly Lock _lock = new();
    private int _failures;
    private DateTimeOffset _since;
    private DateTimeOffset? _logged;
    private TeacherTrouble? _last;

    /// <summary>Why no call gets through, and since when; null where calls do, or none is made.</summary>
    public TeacherTrouble? Trouble
    {
        get
        {
            lock (_lock)
            {
                return _failures >= ManyInARow && time.GetUtcNow() - _since >= Patience ? _last : null;
            }
        }
    }

    /// <summary>A call was answered.</summary>
    public void Answered()
    {
        lock (_lock)
        {
            if (_logged is not null)
            {
                TeacherLog.TeacherAnswersAgain(logger, teacher, time.GetUtcNow() - _since);
            }

            (_failures, _logged, _last) = (0, null, null);
        }
    }

    /// <summary>A call failed for a reason that may pass.</summary>
    public void Failed(UpstreamFailure failure)
    {
        lock (_lock)
        {
            var now = time.GetUtcNow();
            _since = _failures++ == 0 ? now : _since;
            _last = new TeacherTrouble { Reason = failure.Reason, Message = failure.Message, Since = _since.ToTimestamp() };
            if (Trouble is not null && (_logged is null || now - _logged >= LogInterval))
            {
                _logged = now;
                TeacherLog.TeacherInTrouble(logger, teacher, _since, failure.Reason, failure.Message);
            }
        }
    }
}
