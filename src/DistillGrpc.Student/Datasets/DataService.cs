using System.Globalization;
using DistillGrpc.Contracts.V1;
using DistillGrpc.Hosting;
using DistillGrpc.Student.Models;
using DistillGrpc.Student.Serving.Classifying;
using DistillGrpc.Student.Training;
using Grpc.Core;

namespace DistillGrpc.Student.Datasets;

/// <summary>The Student's calls about datasets.</summary>
internal sealed class DataService(DatasetStore store, DatasetCalls calls, ExtractionRows extractions, EscalatedRows escalated) : DatasetService.DatasetServiceBase
{
    private const int MaxExamples = 100;
    private const int RowsOfFlush = 64;

    public override async Task<UploadDatasetResponse> UploadDataset(IAsyncStreamReader<UploadDatasetRequest> requestStream, ServerCallContext context)
    {
        var token = context.CancellationToken;
        var spec = (await requestStream.MoveNext(token) ? requestStream.Current.Spec : null) ?? throw RpcFailure.InvalidArgument("spec", "the first message must hold it");
        DatasetUpload.Check(spec);
        if (spec.ContentHash.Length > 0 && store.All.FirstOrDefault(dataset => dataset.Dataset.ContentHash == spec.ContentHash && dataset.Dataset.Damage.Length == 0) is { } present)
        {
            return new UploadDatasetResponse { Dataset = present.Dataset, Existed = true };
        }

        using var place = calls.Enter();
        using var writer = store.Begin();
        var upload = new DatasetUpload(spec, writer);
        for (var number = 1L; await requestStream.MoveNext(token); number++)
        {
            var message = requestStream.Current;
            RpcFailure.Require(message.Line >= 0, "line", "must not be negative");
            var position = message.Line > 0 ? message.Line : number;
            switch (message.MessageCase)
            {
                case UploadDatasetRequest.MessageOneofCase.Row:
                    upload.Add(message.Row, position);
                    break;
                case UploadDatasetRequest.MessageOneofCase.Unreadable:
                    upload.Reject(position, "", RowCheck.Refused("", message.Unreadable.Message, "UNREADABLE"));
                    break;
                default:
                    throw RpcFailure.InvalidArgument("row", "every message after the first must hold one");
            }
        }

        return upload.Finish(spec.DisplayName, new DatasetOrigin { Upload = new UploadOrigin() });
    }

    public override async Task ImportExtraction(ImportExtractionRequest request, IServerStreamWriter<ImportExtractionResponse> responseStream, ServerCallContext context)
    {
        RpcFailure.Require(request.Extraction.StartsWith("extractions/", StringComparison.Ordinal), "extraction", "must look like extractions/{id}");
        DatasetUpload.RequireDisplayName(request.DisplayName, "display_name");
        using var place = calls.Enter();
        using var writer = store.Begin();
        var (upload, origin) = (new DatasetUpload(new UploadSpec(), writer), new ExtractionOrigin { Extraction = request.Extraction });
        async ValueTask Report(TrainingEvent told)
        {
            // It has not ended: what there is, is taken.
            origin.Partial |= told.Warning is not null;
            await responseStream.WriteAsync(
                new ImportExtractionResponse { Progress = new ImportProgress { Rows = upload.Rows, Inputs = told.Teaching?.TotalRows ?? 0, Message = told.Warning?.Message ?? "" } }, context.CancellationToken);
        }

        var number = 0L;
        await foreach (var row in extractions.ReadAsync(request.Extraction, Report, context.CancellationToken))
        {
            upload.Add(row, ++number);
        }

        var name = request.DisplayName.Length > 0 ? request.DisplayName : request.Extraction["extractions/".Length..];
        await responseStream.WriteAsync(new ImportExtractionResponse { Result = upload.Finish(name, new DatasetOrigin { Extraction = origin }) }, context.CancellationToken);
    }

    public override Task<GetDatasetResponse> GetDataset(GetDatasetRequest request, ServerCallContext context) =>
        Task.FromResult(new GetDatasetResponse { Dataset = store.Find(request.Name, "name", mayBeDamaged: true).Dataset });

    public override Task<ListDatasetsResponse> ListDatasets(ListDatasetsRequest request, ServerCallContext context)
    {
        var size = PageSize.Of(request.PageSize);
        var page = store.All.Where(dataset => IsAfter(dataset, request.PageToken)).Take(size + 1).ToArray();
        var response = new ListDatasetsResponse { NextPageToken = page.Length > size ? TokenOf(page[size - 1]) : "" };
        response.Datasets.AddRange(page.Take(size).Select(dataset => dataset.Dataset));
        return Task.FromResult(response);
    }

    public override Task<DeleteDatasetResponse> DeleteDataset(DeleteDatasetRequest request, ServerCallContext context)
    {
        store.Delete(store.Find(request.Name, "name", mayBeDamaged: true));
        return Task.FromResult(new DeleteDatasetResponse());
    }

    public override async Task ReadDataset(ReadDatasetRequest request, IServerStreamWriter<ReadDatasetResponse> responseStream, ServerCallContext context)
    {
        var dataset = store.Find(request.Name, "name");
        RpcFailure.Require(request.Offset >= 0 && request.Offset <= dataset.Dataset.Rows, "offset", $"must be 0 to {dataset.Dataset.Rows}, the number of rows");
        RpcFailure.Require(request.MaxRows >= 0, "max_rows", "must not be negative");
        var end = request.MaxRows == 0 || request.MaxRows > dataset.Dataset.Rows - request.Offset ? dataset.Dataset.Rows : request.Offset + request.MaxRows;
        var index = 0L;
        foreach (var row in store.Read(dataset))
        {
            context.CancellationToken.ThrowIfCancellationRequested();
            // Flushed row by row, a read takes twice the time; never flushed, it would take the memory of all rows.
            if (index >= request.Offset && index < end)
            {
                responseStream.WriteOptions = (index + 1) % RowsOfFlush == 0 || index + 1 == end ? WriteOptions.Default : new WriteOptions(WriteFlags.BufferHint);
                await responseStream.WriteAsync(new ReadDatasetResponse { Row = row, Index = index }, context.CancellationToken);
            }

            // Read to the last row, the rows are checked.
            if (++index == end && end < dataset.Dataset.Rows)
            {
                break;
            }
        }
    }

    public override Task<SplitDatasetResponse> SplitDataset(SplitDatasetRequest request, ServerCallContext context)
    {
        DatasetSplit.Check(request);
        using var place = calls.Enter();
        return Task.FromResult(new DatasetSplit(store, store.Find(request.Name, "name"), request).Run(context.CancellationToken));
    }

    public override Task<CompareDatasetsResponse> CompareDatasets(CompareDatasetsRequest request, ServerCallContext context)
    {
        RpcFailure.Require(request.Examples is >= 0 and <= MaxExamples, "examples", $"must be 0 to {MaxExamples}");
        using var place = calls.Enter();
        return Task.FromResult(new DatasetComparison(store, store.Find(request.First, "first"), store.Find(request.Second, "second"), request.Examples).Run(context.CancellationToken));
    }

    public override Task<CollectEscalationsResponse> CollectEscalations(CollectEscalationsRequest request, ServerCallContext context)
    {
        var model = ModelName.ParseModel(request.Model, "model");
        DatasetUpload.RequireDisplayName(request.DisplayName, "display_name");
        return Task.FromResult(new CollectEscalationsResponse { Dataset = escalated.Collect(model, request.DisplayName) });
    }

    // Where a page ends: datasets that come or go meanwhile move nothing.
    private static string TokenOf(StoredDataset dataset) => string.Create(CultureInfo.InvariantCulture, $"{dataset.Created.UtcTicks}.{dataset.Id}");

    private static bool IsAfter(StoredDataset dataset, string pageToken)
    {
        if (pageToken.Length == 0)
        {
            return true;
        }

        var dot = pageToken.IndexOf('.', StringComparison.Ordinal);
        if (dot < 0 || !long.TryParse(pageToken.AsSpan(0, dot), NumberStyles.None, CultureInfo.InvariantCulture, out var ticks) || !StoredDataset.IsId(pageToken[(dot + 1)..]))
        {
            throw RpcFailure.InvalidArgument("page_token", "is not one that this call gave");
        }

        return dataset.Created.UtcTicks < ticks || (dataset.Created.UtcTicks == ticks && string.CompareOrdinal(dataset.Id, pageToken[(dot + 1)..]) > 0);
    }
}
