using DistillGrpc.Client;
using DistillGrpc.Contracts.V1;
using Grpc.Core;

namespace DistillGrpc.Teacher.Tests.Extractions;

/// <summary>The calls about extractions, as tests make them.</summary>
internal sealed class Jobs(ChannelBase channel)
{
    public Jobs(RunningTeacher teacher)
        : this(teacher.Channel)
    {
    }

    public ExtractionService.ExtractionServiceClient Client { get; } = new(channel);

    public async Task<Extraction> CreateAsync(string id, RationaleSpec spec) =>
        (await Client.CreateExtractionAsync(new CreateExtractionRequest { ExtractionId = id, Spec = new ExtractionSpec { Rationales = spec } })).Extraction;

    public async Task<Extraction> GetAsync(string id) => (await Client.GetExtractionAsync(new GetExtractionRequest { Name = $"extractions/{id}" })).Extraction;

    public Task<AppendInputsResponse> AppendAsync(string id, IEnumerable<Example> inputs, bool complete = true) =>
        new ExtractionClient(channel).AppendInputsAsync($"extractions/{id}", inputs.ToAsyncEnumerable(), complete);

    public Task<EstimateExtractionResponse> EstimateAsync(RationaleSpec spec, IEnumerable<Example> inputs) =>
        new ExtractionClient(channel).EstimateAsync(new ExtractionSpec { Rationales = spec }, inputs.ToAsyncEnumerable());

    /// <summary>All events until the end.</summary>
    public async Task<List<WatchExtractionResponse>> WatchAsync(string id, RowFilter rows = RowFilter.All)
    {
        using var call = Client.WatchExtraction(new WatchExtractionRequest { Name = $"extractions/{id}", Rows = rows, Follow = true });
        return await call.ResponseStream.ReadAllAsync().ToListAsync();
    }

    /// <summary>Waits for a state; another one that would be the end fails.</summary>
    public async Task<Extraction> StateAsync(string id, ExtractionState state)
    {
        for (var i = 0; i < 1500; i++)
        {
            var now = await GetAsync(id);
            if (now.State == state)
            {
                return now;
            }

            await Task.Delay(20);
        }

        throw new TimeoutException($"{await GetAsync(id)}");
    }
}
