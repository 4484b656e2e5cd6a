using DistillGrpc.Cli.Teaching;
using DistillGrpc.Client;
using DistillGrpc.Contracts.V1;
using Google.Protobuf;

namespace DistillGrpc.Cli.Jobs;

/// <summary>A Teacher's extractions.</summary>
internal sealed class ExtractionJobs(ExtractionClient client) : IJobs
{
    public ExtractionClient Client => client;

    public string Collection => Job.Collection;

    public IAsyncEnumerable<IMessage> ListAsync(CancellationToken cancellationToken) => client.ListAsync(cancellationToken);

    public async Task<IMessage> GetAsync(string name, CancellationToken cancellationToken) => await client.GetAsync(name, cancellationToken);

    public async Task<IMessage> PauseAsync(string name, CancellationToken cancellationToken) => await client.PauseAsync(name, cancellationToken);

    public async Task<IMessage> ResumeAsync(string name, long? budget, CancellationToken cancellationToken) => await client.ResumeAsync(name, budget, cancellationToken);

    public async Task<IMessage> CancelAsync(string name, CancellationToken cancellationToken) => await client.CancelAsync(name, cancellationToken);

    public Task DeleteAsync(string name, CancellationToken cancellationToken) => client.DeleteAsync(name, cancellationToken);

    public async Task WatchAsync(string name, bool isJson, CancellationToken cancellationToken)
    {
        var (progress, last) = (new TeachProgress(new ProgressLine(), TimeProvider.System), "");
        await foreach (var told in client.WatchAsync(name, 0, RowFilter.Unspecified, follow: true, cancellationToken))
        {
            if (told.Extraction is not { } now)
            {
                continue;
            }

            var counts = now.Counts ?? new ExtractionCounts();
            progress.Show(counts.Accepted + counts.Rejected, now.InputsComplete ? counts.Inputs : null, counts.Accepted, now.Usage?.CostNanos ?? 0);
            // Every state on a line of its own, where nobody watches the other line.
            if (Job.State(now) is var state && state != last)
            {
                last = state;
                progress.Clear();
                Console.WriteLine(isJson ? ProtoJson.Text(now) : Job.Line(now));
            }
        }

        progress.Clear();
        var ended = await client.GetAsync(name, cancellationToken);
        Console.WriteLine(isJson ? ProtoJson.Text(ended) : Job.Line(ended));
    }

    public string Line(IMessage job) => Job.Line((Extraction)job);
}
