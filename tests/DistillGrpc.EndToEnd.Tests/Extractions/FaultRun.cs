using DistillGrpc.Client;
using DistillGrpc.Contracts.V1;
using DistillGrpc.Teacher.Tests.OpenAi;
using Grpc.Core;

namespace DistillGrpc.EndToEnd.Tests.Extractions;

/// <summary>
/// One extraction from its first input to its last row, by Teachers that are killed at random and started again, watched by a
/// client that goes on from the last number that it has seen.
/// </summary>
internal sealed class FaultRun(FaultyLlm llm, int rows, int inFlight, string[] settings)
{
    /// <summary>A whole answer costs 31 * 2 + 7 * 10 millionths.</summary>
    public const long Cost = 132_000;

    private const string Name = "extractions/night";
    private readonly Dictionary<long, ExtractionRow> _rows = [];
    private readonly List<ServiceProcess> _replicas = [];
    private long _after;

    /// <summary>The budget: half as much again as the answers cost.</summary>
    public long Budget => rows * Cost * 3 / 2;

    /// <summary>The rows, by their number.</summary>
    public IReadOnlyDictionary<long, ExtractionRow> Rows => _rows;

    /// <summary>The extraction at its end.</summary>
    public Extraction Done { get; private set; } = new();

    /// <summary>Times that it had to be resumed, since the endpoint refused everything.</summary>
    public int Resumed { get; private set; }

    public async Task RunAsync(int replicas, IReadOnlyList<int> kills)
    {
        await using var endpoint = await ScriptedEndpoint.StartAsync(llm.AnswerAsync);
        try
        {
            for (var i = 0; i < replicas; i++)
            {
                _replicas.Add(await StartAsync(endpoint, i));
            }

            await AppendAsync();
            for (var kill = 0; Done.State != ExtractionState.Succeeded;)
            {
                await WatchAsync(() => kill < kills.Count && _rows.Count >= kills[kill]);
                if (Done.State == ExtractionState.Failed)
                {
                    Resumed++;
                    await CallAsync(client => client.ResumeExtractionAsync(new ResumeExtractionRequest { Name = Name }).ResponseAsync);
                }
                else if (kill < kills.Count && _rows.Count >= kills[kill])
                {
                    var victim = kill++ % replicas;
                    _replicas[victim].Kill();
                    _replicas[victim].Dispose();
                    _replicas[victim] = await StartAsync(endpoint, victim);
                }
            }

            Done = (await CallAsync(client => client.GetExtractionAsync(new GetExtractionRequest { Name = Name }).ResponseAsync)).Extraction;
        }
        finally
        {
            _replicas.ForEach(replica => replica.Dispose());
        }
    }

    private Task<ServiceProcess> StartAsync(ScriptedEndpoint endpoint, int number) => ServiceProcess.TeacherAsync([
        "--Teachers:gpt:Backend=openai", $"--Teachers:gpt:Endpoint={endpoint.Address}", "--Teachers:gpt:Model=m", "--Teachers:gpt:InputPrice=2", "--Teachers:gpt:OutputPrice=10",
        "--Teachers:gpt:MaxOutputTokens=20", "--Teachers:gpt:RetryDelay=00:00:00.01", "--Teachers:gpt:AttemptTimeout=00:00:03", "--Teachers:gpt:MaxResponseBytes=200000",
        "--Teachers:gpt:BreakDuration=00:00:00.5", $"--MaxInputsInFlight={inFlight}", .. settings.Select(setting => setting.Replace("{n}", $"{number}", StringComparison.Ordinal))]);

    // Appended a second time as well, as somebody does whose call broke off.
    private async Task AppendAsync()
    {
        using var channel = DistillChannel.To(_replicas[0].Address);
        var client = new ExtractionService.ExtractionServiceClient(channel);
        await client.CreateExtractionAsync(new CreateExtractionRequest
        {
            ExtractionId = "night",
            RequestId = "night",
            Spec = new ExtractionSpec { Rationales = new RationaleSpec { BudgetNanos = Budget } },
        });
        foreach (var count in new[] { rows / 2, rows })
        {
            using var call = client.AppendInputs();
            await call.RequestStream.WriteAsync(new AppendInputsRequest { Target = new InputTarget { Extraction = Name, Complete = count == rows } });
            for (var i = 0; i < count; i++)
            {
                await call.RequestStream.WriteAsync(new AppendInputsRequest { Input = new Example { Id = $"{i}", Segments = { $"What about number {i}?" }, Label = "yes" } });
            }

            await call.RequestStream.CompleteAsync();
            Assert.Equal(0, (await call.ResponseAsync).RejectedCount);
        }
    }

    // Until the extraction has ended or failed, or it is time to do something.
    private async Task WatchAsync(Func<bool> isTime)
    {
        using var channel = DistillChannel.To(_replicas[^1].Address);
        using var call = new ExtractionService.ExtractionServiceClient(channel).WatchExtraction(new WatchExtractionRequest { Name = Name, AfterSequence = _after, Rows = RowFilter.All, Follow = true });
        try
        {
            await foreach (var happened in call.ResponseStream.ReadAllAsync())
            {
                Assert.True(happened.Sequence >= _after, $"{happened.Sequence} after {_after}");
                _after = happened.Sequence;
                if (happened.Row is not null)
                {
                    _rows.Add(happened.Sequence, happened.Row);
                }

                Done = happened.Extraction ?? Done;
                if (isTime() || Done.State is ExtractionState.Failed)
                {
                    return;
                }
            }
        }
        catch (RpcException)
        {
            // It was the one that was killed.
        }
    }

    private async Task<T> CallAsync<T>(Func<ExtractionService.ExtractionServiceClient, Task<T>> call)
    {
        using var channel = DistillChannel.To(_replicas[0].Address);
        return await call(new ExtractionService.ExtractionServiceClient(channel));
    }
}
