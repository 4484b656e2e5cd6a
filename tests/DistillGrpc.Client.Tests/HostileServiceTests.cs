using System.Text;
using DistillGrpc.Contracts.V1;
using Google.Protobuf;
using Google.Protobuf.WellKnownTypes;
using Google.Rpc;
using Grpc.Core;
using Status = Grpc.Core.Status;

namespace DistillGrpc.Client.Tests;

/// <summary>A service that is broken, or means no good: its client fails with a status, and lives.</summary>
public sealed class HostileServiceTests
{
    private static readonly byte[] Good = HostileService.Frame(new PredictResponse { Model = "models/x" }.ToByteArray());
    private static readonly PredictRequest Question = new() { Segments = { "is it?" } };

    [Theory]
    [InlineData("nothing")]
    [InlineData("half a frame")]
    [InlineData("a frame of 4 GiB")]
    [InlineData("an unknown flag")]
    [InlineData("no protobuf")]
    [InlineData("gzip that is none")]
    [InlineData("an unknown encoding")]
    [InlineData("no status")]
    [InlineData("a status that is none")]
    [InlineData("a web page")]
    [InlineData("two messages")]
    public async Task Predict_AnswerThatCannotBeRead_FailsWithAStatusThatCanBeDescribed(string what)
    {
        await using var service = await HostileService.StartAsync();
        using var channel = DistillChannel.To(service.Address);
        Say(service, what);

        var failure = await Assert.ThrowsAsync<RpcException>(() => new InferenceClient(channel).PredictAsync(Question));
        Assert.NotEqual(StatusCode.OK, failure.StatusCode);
        Assert.NotEmpty(RpcErrors.Describe(failure));
        service.Say(Good);
        Assert.Equal("models/x", (await new InferenceClient(channel).PredictAsync(Question)).Model);
    }

    [Fact]
    public void Errors_DamagedDetails_AreReadAsFarAsTheyCanBe()
    {
        var mutator = new Mutator(31);
        var details = new Google.Rpc.Status
        {
            Code = 8,
            Message = "no",
            Details =
            {
                Any.Pack(new ErrorInfo { Reason = "QUEUE_FULL", Domain = "distill-grpc" }), Any.Pack(new RetryInfo { RetryDelay = Duration.FromTimeSpan(TimeSpan.FromSeconds(2)) }),
                Any.Pack(new BadRequest { FieldViolations = { new BadRequest.Types.FieldViolation { Field = "segments", Description = "are empty" } } }),
            },
        }.ToByteArray();
        for (var round = 0; round < 4000; round++)
        {
            var failure = Failure(mutator.Damage(details));

            Assert.NotEmpty(RpcErrors.Describe(failure));
            _ = (RpcErrors.Reason(failure), RpcErrors.Field(failure), RpcErrors.Violations(failure).Count, RpcErrors.RetryDelay(failure));
        }

        var absurd = new Google.Rpc.Status { Code = 8, Details = { Any.Pack(new RetryInfo { RetryDelay = new Duration { Seconds = long.MaxValue, Nanos = -7 } }), Any.Pack(new ErrorInfo { Reason = "R" }) } };
        Assert.Equal(("R", null), (RpcErrors.Reason(Failure(absurd.ToByteArray())), RpcErrors.RetryDelay(Failure(absurd.ToByteArray()))));
        Assert.Equal(("QUEUE_FULL", "segments", 2), (RpcErrors.Reason(Failure(details)), RpcErrors.Field(Failure(details)), RpcErrors.RetryDelay(Failure(details))?.TotalSeconds));

        static RpcException Failure(byte[] details) => new(new Status(StatusCode.ResourceExhausted, "no"), new Metadata { { "grpc-status-details-bin", details } });
    }

    private static void Say(HostileService service, string what)
    {
        switch (what)
        {
            case "no status":
                service.Says = async context => await context.Response.BodyWriter.WriteAsync(Good);
                break;
            case "a status that is none":
                service.Says = context => SayStatus(context, "banana");
                break;
            case "a web page":
                service.Says = context =>
                {
                    context.Response.ContentType = "text/html";
                    return context.Response.BodyWriter.WriteAsync("<html>"u8.ToArray()).AsTask();
                };
                break;
            default:
                service.Say(BodyOf(what), what switch { "gzip that is none" => "gzip", "an unknown encoding" => "br", _ => null });
                break;
        }
    }

    private static byte[] BodyOf(string what) => what switch
    {
        "nothing" => [],
        "half a frame" => Good[..^3],
        "a frame of 4 GiB" => HostileService.Frame([1, 2, 3], length: uint.MaxValue),
        "an unknown flag" => HostileService.Frame([], flag: 9),
        "no protobuf" => HostileService.Frame([0xFF, 0xFF, 0xFF]),
        "two messages" => [.. Good, .. Good],
        _ => HostileService.Frame(Encoding.ASCII.GetBytes("not compressed"), flag: 1),
    };

    private static Task SayStatus(Microsoft.AspNetCore.Http.HttpContext context, string status)
    {
        Microsoft.AspNetCore.Http.ResponseTrailerExtensions.AppendTrailer(context.Response, "grpc-status", status);
        return Task.CompletedTask;
    }
}
