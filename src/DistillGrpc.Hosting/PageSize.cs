namespace DistillGrpc.Hosting;

/// <summary>How much of a collection a caller gets at once.</summary>
public static class PageSize
{
    private const int Default = 100;
    private const int Most = 1000;

    /// <summary>The size of a page: what the request's <c>page_size</c> asks for, where it does, up to 1000.</summary>
    /// <exception cref="Grpc.Core.RpcException">INVALID_ARGUMENT where it is negative.</exception>
    public static int Of(int requested)
    {
        RpcFailure.Require(requested >= 0, "page_size", "must not be negative");
        return requested == 0 ? Default : Math.Min(requested, Most);
    }
}
