namespace DistillGrpc.Hosting;

/// <summary>What both services let the operator set, at the configuration's root.</summary>
public sealed class ServiceOptions
{
    /// <summary>Where the service listens, HTTP/2 without TLS; each service has its own default, and a port of 0 takes a free one.</summary>
    public string Listen { get; set; } = "";

    /// <summary>Largest message that is received, in bytes; default 16 MiB.</summary>
    public int MaxReceiveBytes { get; set; } = 16 << 20;

    /// <summary>Calls at once on one connection; default 100.</summary>
    public int MaxStreamsPerConnection { get; set; } = 100;

    /// <summary>
    /// How long a message that has begun may take until it is there whole; that of a call with one message begins with the call. Then the call ends with
    /// DEADLINE_EXCEEDED. Default 2 min; 0: as long as it takes.
    /// </summary>
    public TimeSpan MessageTimeout { get; set; } = TimeSpan.FromMinutes(2);

    /// <summary>
    /// How long a message to a caller may wait until he has taken it, and how long he may send nothing on a stream on which nothing is sent to him either, and on which he is owed no answer.
    /// Then the call ends; who takes nothing cannot be told why. Default 30 min; 0: as long as he likes.
    /// </summary>
    public TimeSpan IdleTimeout { get; set; } = TimeSpan.FromMinutes(30);

    /// <summary>Whether clients may ask which methods there are; default on.</summary>
    public bool Reflection { get; set; } = true;

    /// <summary>The folder that holds the service's state; default <c>distill-grpc</c> in the user's data folder.</summary>
    public string StateDirectory { get; set; } = "";

    /// <summary>Checks the settings that are numbers.</summary>
    /// <exception cref="InvalidOperationException">One cannot be used; the message names it.</exception>
    public void Check()
    {
        Setting.Require(MaxReceiveBytes is >= 1024 and <= 1 << 30, nameof(MaxReceiveBytes), "must be 1024 to 1073741824.");
        Setting.Require(MaxStreamsPerConnection is >= 1 and <= 1_000_000, nameof(MaxStreamsPerConnection), "must be 1 to 1000000.");
        Setting.Require(IsLimit(MessageTimeout), nameof(MessageTimeout), "must be 0, or 100 milliseconds to a day.");
        Setting.Require(IsLimit(IdleTimeout), nameof(IdleTimeout), "must be 0, or 100 milliseconds to a day.");
    }

    // Zero is none.
    private static bool IsLimit(TimeSpan time) => time == TimeSpan.Zero || (time >= TimeSpan.FromMilliseconds(100) && time <= TimeSpan.FromDays(1));
}
