using System.Runtime.CompilerServices;
using DistillGrpc.Client.Examples;
using DistillGrpc.Contracts.V1;
using Grpc.Core;

namespace DistillGrpc.Client;

/// <summary>Has a Student keep rows as datasets, and reads, splits and compares them.</summary>
/// <param name="channel">A channel to it, such as <see cref="DistillChannel.To"/>; stays the caller's.</param>
public sealed class DatasetClient(ChannelBase channel)
{
    private readonly DatasetService.DatasetServiceClient _client = new(channel);

    /// <summary>Keeps rows; the same rows again are the same dataset, so that a call that failed may be made again.</summary>
    /// <param name="spec">What becomes of them.</param>
    /// <param name="rows">The rows; read as fast as the Student takes them.</param>
    /// <param name="cancellationToken">Cancels the call; nothing is kept.</param>
    /// <returns>The dataset, and which rows were refused and why.</returns>
    /// <exception cref="RpcException">The call failed; <see cref="RpcErrors.Describe"/> says why, and <see cref="RpcErrors.Violations"/> which rows were refused where that is the reason.</exception>
    public Task<UploadDatasetResponse> UploadAsync(UploadSpec spec, IAsyncEnumerable<Example> rows, CancellationToken cancellationToken = default) =>
        UploadAsync(spec, rows.Select(row => new FileRow(0, row)), cancellationToken);

    /// <summary>Keeps the rows of a file, such as <see cref="ExampleReader.ReadRowsAsync"/> gives them: those that cannot be read are a part of the report, with their lines.</summary>
    /// <param name="spec">What becomes of them.</param>
    /// <param name="rows">The rows; read as fast as the Student takes them.</param>
    /// <param name="cancellationToken">Cancels the call; nothing is kept.</param>
    /// <returns>The dataset, and which rows were refused and why.</returns>
    /// <exception cref="RpcException">The call failed; <see cref="RpcErrors.Describe"/> says why, and <see cref="RpcErrors.Violations"/> which rows were refused where that is the reason.</exception>
    public Task<UploadDatasetResponse> UploadAsync(UploadSpec spec, IAsyncEnumerable<FileRow> rows, CancellationToken cancellationToken = default) =>
        UploadCall.RunAsync(
            token => _client.UploadDataset(cancellationToken: token),
            rows.Select(Message).Prepend(new UploadDatasetRequest { Spec = spec }),
            cancellationToken);

    /// <summary>Keeps the accepted rows of an extraction; the last message has the result.</summary>
    /// <param name="extraction"><c>extractions/{id}</c> of the Student's Teacher.</param>
    /// <param name="displayName">What people call the dataset; empty for the extraction's id.</param>
    /// <param name="cancellationToken">Cancels the call; nothing is kept.</param>
    /// <exception cref="RpcException">The call failed; <see cref="RpcErrors.Describe"/> says why.</exception>
    public async IAsyncEnumerable<ImportExtractionResponse> ImportExtractionAsync(string extraction, string displayName = "", [EnumeratorCancellation] CancellationToken cancellationToken = default)
    {
        using var call = _client.ImportExtraction(new ImportExtractionRequest { Extraction = extraction, DisplayName = displayName }, cancellationToken: cancellationToken);
        await foreach (var response in call.ResponseStream.ReadAllAsync(cancellationToken))
        {
            yield return response;
        }
    }

    /// <summary>What is known of a dataset.</summary>
    /// <param name="name"><c>datasets/{id}</c>; the first 6 digits of the id suffice where no other dataset has them.</param>
    /// <param name="cancellationToken">Cancels the call.</param>
    /// <exception cref="RpcException">The call failed.</exception>
    public async Task<Dataset> GetAsync(string name, CancellationToken cancellationToken = default) =>
        (await _client.GetDatasetAsync(new GetDatasetRequest { Name = name }, cancellationToken: cancellationToken)).Dataset;

    /// <summary>All datasets, the newest first; asked for page by page.</summary>
    /// <exception cref="RpcException">A call failed.</exception>
    public IAsyncEnumerable<Dataset> ListAsync(CancellationToken cancellationToken = default) => Pages.AllAsync<Dataset>(
        async (token, cancelled) =>
        {
            var page = await _client.ListDatasetsAsync(new ListDatasetsRequest { PageSize = Pages.Size, PageToken = token }, cancellationToken: cancelled);
            return (page.Datasets, page.NextPageToken);
        },
        cancellationToken);

    /// <summary>Removes a dataset.</summary>
    /// <exception cref="RpcException">The call failed.</exception>
    public async Task DeleteAsync(string name, CancellationToken cancellationToken = default) =>
        await _client.DeleteDatasetAsync(new DeleteDatasetRequest { Name = name }, cancellationToken: cancellationToken);

    /// <summary>The rows in their order. Read to the last one, they are known to be those that were written.</summary>
    /// <param name="name">The dataset.</param>
    /// <param name="offset">Rows that are passed over.</param>
    /// <param name="maxRows">Most rows; 0 for all.</param>
    /// <param name="cancellationToken">Cancels the call.</param>
    /// <exception cref="RpcException">The call failed; with <c>DATASET_DAMAGED</c> rows that came before are not to be used.</exception>
    public async IAsyncEnumerable<Example> ReadAsync(string name, long offset = 0, long maxRows = 0, [EnumeratorCancellation] CancellationToken cancellationToken = default)
    {
        using var call = _client.ReadDataset(new ReadDatasetRequest { Name = name, Offset = offset, MaxRows = maxRows }, cancellationToken: cancellationToken);
        await foreach (var response in call.ResponseStream.ReadAllAsync(cancellationToken))
        {
            yield return response.Row;
        }
    }

    /// <summary>Divides a dataset; the same request gives the same parts.</summary>
    /// <exception cref="RpcException">The call failed; <see cref="RpcErrors.Describe"/> says why.</exception>
    public async Task<SplitDatasetResponse> SplitAsync(SplitDatasetRequest request, CancellationToken cancellationToken = default) =>
        await _client.SplitDatasetAsync(request, cancellationToken: cancellationToken);

    /// <summary>What two datasets share.</summary>
    /// <param name="first">For instance what is trained on.</param>
    /// <param name="second">For instance what is tested with; its rows are counted.</param>
    /// <param name="examples">Ids that are given for each overlap, 0 to 100.</param>
    /// <param name="cancellationToken">Cancels the call.</param>
    /// <exception cref="RpcException">The call failed; <see cref="RpcErrors.Describe"/> says why.</exception>
    public async Task<CompareDatasetsResponse> CompareAsync(string first, string second, int examples = 0, CancellationToken cancellationToken = default) =>
        await _client.CompareDatasetsAsync(new CompareDatasetsRequest { First = first, Second = second, Examples = examples }, cancellationToken: cancellationToken);

    /// <summary>Makes a dataset of the rows of a model that the Teacher has answered in its place, and that were kept since the last such call.</summary>
    /// <param name="model"><c>models/{id}</c>.</param>
    /// <param name="displayName">What people call the dataset; empty for the model's id with <c>-escalated</c>.</param>
    /// <param name="cancellationToken">Cancels the call.</param>
    /// <exception cref="RpcException">The call failed; <see cref="RpcErrors.Describe"/> says why.</exception>
    public async Task<Dataset> CollectEscalationsAsync(string model, string displayName = "", CancellationToken cancellationToken = default) =>
        (await _client.CollectEscalationsAsync(new CollectEscalationsRequest { Model = model, DisplayName = displayName }, cancellationToken: cancellationToken)).Dataset;

    private static UploadDatasetRequest Message(FileRow row) => row.Example is null
        ? new UploadDatasetRequest { Line = row.Line, Unreadable = new UnreadableRow { Message = row.Refusal } }
        : new UploadDatasetRequest { Line = row.Line, Row = row.Example };
}
