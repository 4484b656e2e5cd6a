using DistillGrpc.Client;
using DistillGrpc.Contracts.V1;
using DistillGrpc.Hosting;
using Grpc.Core;

namespace DistillGrpc.Student.Models;

/// <summary>The Student's calls about its models.</summary>
internal sealed class CatalogService(ModelCatalog catalog, StateDirectory state, StudentOptions options) : ModelService.ModelServiceBase
{
    // Linux's ENOSPC and EDQUOT.
    private const int NoSpace = 28;
    private const int OverQuota = 122;

    public override Task<GetModelResponse> GetModel(GetModelRequest request, ServerCallContext context) =>
        Task.FromResult(new GetModelResponse { Model = Existing(ModelName.ParseModel(request.Name, "name")).Describe() });

    public override Task<ListModelsResponse> ListModels(ListModelsRequest request, ServerCallContext context)
    {
        var response = new ListModelsResponse();
        response.Models.AddRange(catalog.All.Select(model => model.Describe()));
        return Task.FromResult(response);
    }

    public override async Task<SetModelAliasResponse> SetModelAlias(SetModelAliasRequest request, ServerCallContext context)
    {
        var (id, number) = ModelName.ParseVersion(request.Version, "version");
        return new SetModelAliasResponse { Model = await catalog.SetAliasAsync(id, Alias(request.Alias, "alias"), number) };
    }

    public override async Task<DeleteModelAliasResponse> DeleteModelAlias(DeleteModelAliasRequest request, ServerCallContext context) =>
        new() { Model = await catalog.SetAliasAsync(ModelName.ParseModel(request.Name, "name"), Alias(request.Alias, "alias"), null) };

    public override async Task<SetModelTrafficResponse> SetModelTraffic(SetModelTrafficRequest request, ServerCallContext context) =>
        new() { Model = await catalog.SetTrafficAsync(ModelName.ParseModel(request.Name, "name"), TrafficPolicy.Read(request.Traffic)) };

    public override async Task<LoadModelVersionResponse> LoadModelVersion(LoadModelVersionRequest request, ServerCallContext context)
    {
        var (id, number) = ModelName.ParseVersion(request.Name, "name");
        return new LoadModelVersionResponse { Model = await catalog.LoadVersionAsync(id, number) };
    }

    public override async Task<UnloadModelVersionResponse> UnloadModelVersion(UnloadModelVersionRequest request, ServerCallContext context)
    {
        var (id, number) = ModelName.ParseVersion(request.Name, "name");
        return new UnloadModelVersionResponse { Model = await catalog.UnloadVersionAsync(id, number) };
    }

    public override async Task<DeleteModelVersionResponse> DeleteModelVersion(DeleteModelVersionRequest request, ServerCallContext context)
    {
        var (id, number) = ModelName.ParseVersion(request.Name, "name");
        await catalog.DeleteVersionAsync(id, number);
        return new DeleteModelVersionResponse();
    }

    public override async Task<DeleteModelResponse> DeleteModel(DeleteModelRequest request, ServerCallContext context)
    {
        await catalog.DeleteAsync(ModelName.ParseModel(request.Name, "name"));
        return new DeleteModelResponse();
    }

    public override async Task DownloadModel(DownloadModelRequest request, IServerStreamWriter<DownloadModelResponse> responseStream, ServerCallContext context)
    {
        var (model, name) = catalog.FindModel(request.Name, "name");
        var number = model.NumberOf(name);
        var version = ModelName.Of(model.Id, number);
        await foreach (var piece in FilePieces.ReadAsync(model.PlaceOf(number)))
        {
            await responseStream.WriteAsync(new DownloadModelResponse { Version = version, Piece = piece }, context.CancellationToken);
            version = "";
        }
    }

    public override async Task<UploadModelResponse> UploadModel(IAsyncStreamReader<UploadModelRequest> requestStream, ServerCallContext context)
    {
        var asked = await requestStream.MoveNext(context.CancellationToken) ? requestStream.Current.Version : null;
        var id = ModelName.ParseModel((asked ?? throw RpcFailure.InvalidArgument("version", "the first message must hold it")).Model, "version.model");
        var alias = asked.Alias.Length == 0 ? ModelName.Stable : Alias(asked.Alias, "version.alias");
        catalog.RequireOwned(id);
        var folder = Directory.CreateDirectory(Path.Combine(state.Folder("unfinished"), $"{id}.{Guid.NewGuid():n}")).FullName;
        try
        {
            var pieces = requestStream.ReadAllAsync(context.CancellationToken).Select(message => message.Piece ?? throw RpcFailure.InvalidArgument("piece", "every message after the first must hold one"));
            await ModelFiles.WriteAsync(folder, pieces, options.MaxModelBytes);
            var version = await catalog.InstallAsync(id, folder, alias);
            return new UploadModelResponse { Version = version, Model = Existing(id).Describe() };
        }
        catch (IOException full) when ((full.HResult & 0xffff) is NoSpace or OverQuota)
        {
            throw RpcFailure.ResourceExhausted("DISK_FULL", "The Student's disk is full.", TimeSpan.FromSeconds(30));
        }
        finally
        {
            if (Directory.Exists(folder))
            {
                Directory.Delete(folder, recursive: true);
            }
        }
    }

    private CatalogModel Existing(string id) => catalog.FindModel(ModelName.Of(id), "name").Model;

    private static string Alias(string alias, string field) =>
        ModelName.IsId(alias) ? alias : throw RpcFailure.InvalidArgument(field, "must have 1 to 63 of a-z, 0-9 and '-', a letter first");
}
