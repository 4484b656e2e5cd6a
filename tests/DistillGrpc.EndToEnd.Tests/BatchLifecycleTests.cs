using DistillGrpc.Client;
using DistillGrpc.Contracts.V1;
using DistillGrpc.Teacher.Tests.OpenAi.Batches;
using Grpc.Core;

namespace DistillGrpc.EndToEnd.Tests;

/// <summary>A Teacher that asks by batches, as a process of its own that is killed.</summary>
public sealed class BatchLifecycleTests
{
    private const int Rows = 20;

    [Theory]
    [InlineData("upload")]
    [InlineData("create")]
    [InlineData("look")]
    [InlineData("download")]
    public async Task Sigkill_WhereverABatchStands_ItIsMadeOnceAndItsAnswersAreRead(string where)
    {
        await using var endpoint = await BatchEndpoint.StartAsync();
        using var state = new TemporaryFolder();
        string[] settings =
        [
            $"--StateDirectory={state.Path}", "--Teachers:gpt:Backend=openai", $"--Teachers:gpt:Endpoint={endpoint.Address}", "--Teachers:gpt:Model=m",
            "--Teachers:gpt:Batch=true", $"--Teachers:gpt:BatchSize={Rows}", "--Teachers:gpt:BatchWait=00:05:00",
        ];
        endpoint.Answers = BatchEndpoint.Yes;
        using (var teacher = await ServiceProcess.TeacherAsync(settings))
        {
            using var channel = DistillChannel.To(teacher.Address);
            endpoint.Made = _ => KillAt("create");
            endpoint.Before = context =>
            {
                KillAt(context.Request.Path.Value switch { "/v1/files" => "upload", "/v1/batches/batch_1" => "look", var path when path!.EndsWith("/content", StringComparison.Ordinal) => "download", _ => "" });
                return Task.FromResult(false);
            };
            await Assert.ThrowsAsync<RpcException>(async () => await Ask(channel));

            void KillAt(string now)
            {
                if (now == where && !teacher.HasExited)
                {
                    teacher.Kill();
                }
            }
        }

        (endpoint.Made, endpoint.Before) = (_ => { }, _ => Task.FromResult(false));
        using var last = await ServiceProcess.TeacherAsync(settings);
        using var open = DistillChannel.To(last.Address);

        var results = await Ask(open);

        Assert.Equal(Rows, results.Select(result => result.InputId).Distinct().Count());
        Assert.All(results, result => Assert.Equal("yes", result.Label));
        Assert.Single(endpoint.Batches);
    }

    private static async Task<List<RationaleResult>> Ask(ChannelBase channel) => await new TeacherClient(channel).GenerateRationalesAsync(
        new RationaleSpec(), Enumerable.Range(0, Rows).Select(i => new Example { Id = $"{i}", Segments = { $"Is it {i}?" } }).ToAsyncEnumerable()).Select(response => response.Result).ToListAsync();
}
