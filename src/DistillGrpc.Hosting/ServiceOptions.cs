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

    /// <summary>Whether clients may ask which methods there are; default on.</summary>
    public bool Reflection { get; set; } = true;

    /// <summary>The folder that holds the service's state; default <c>distill-grpc</c> in the user's data folder.</summary>
    public string StateDirectory { get; set; } = "";
}
