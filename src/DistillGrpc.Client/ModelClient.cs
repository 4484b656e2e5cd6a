using System.Security.Cryptography;
using DistillGrpc.Contracts.V1;
using Grpc.Core;

namespace DistillGrpc.Client;

/// <summary>Looks at a Student's models, says which version answers, and moves them.</summary>
/// <param name="channel">A channel to it, such as <see cref="DistillChannel.To"/>; stays the caller's.</param>
public sealed class ModelClient(ChannelBase channel)
{
    private readonly ModelService.ModelServiceClient _client = new(channel);

    /// <summary>All models, by name.</summary>
    /// <exception cref="RpcException">The call failed; <see cref="RpcErrors.Describe"/> says why.</exception>
    public async Task<IReadOnlyList<Model>> ListAsync(CancellationToken cancellationToken = default) =>
        (await _client.ListModelsAsync(new ListModelsRequest(), cancellationToken: cancellationToken)).Models;

    /// <summary>A model.</summary>
    /// <exception cref="RpcException">The call failed.</exception>
    public async Task<Model> GetAsync(string name, CancellationToken cancellationToken = default) =>
        (await _client.GetModelAsync(new GetModelRequest { Name = name }, cancellationToken: cancellationToken)).Model;

    /// <summary>Gives an alias to a version; under <c>stable</c> it answers for the model.</summary>
    /// <exception cref="RpcException">The call failed, for instance because the version cannot be loaded.</exception>
    public async Task<Model> SetAliasAsync(string version, string alias, CancellationToken cancellationToken = default) =>
        (await _client.SetModelAliasAsync(new SetModelAliasRequest { Version = version, Alias = alias }, cancellationToken: cancellationToken)).Model;

    /// <summary>Takes an alias away.</summary>
    /// <exception cref="RpcException">The call failed.</exception>
    public async Task<Model> DeleteAliasAsync(string name, string alias, CancellationToken cancellationToken = default) =>
        (await _client.DeleteModelAliasAsync(new DeleteModelAliasRequest { Name = name, Alias = alias }, cancellationToken: cancellationToken)).Model;

    /// <summary>Says how requests under a model's plain name are divided among its versions; null for not at all.</summary>
    /// <exception cref="RpcException">The call failed.</exception>
    public async Task<Model> SetTrafficAsync(string name, ModelTraffic? traffic, CancellationToken cancellationToken = default) =>
        (await _client.SetModelTrafficAsync(new SetModelTrafficRequest { Name = name, Traffic = traffic }, cancellationToken: cancellationToken)).Model;

    /// <summary>Loads a version, with or without an alias; it answers when this returns, until it is unloaded or the Student ends.</summary>
    /// <exception cref="RpcException">The call failed, for instance because the version cannot be loaded.</exception>
    public async Task<Model> LoadVersionAsync(string version, CancellationToken cancellationToken = default) =>
        (await _client.LoadModelVersionAsync(new LoadModelVersionRequest { Name = version }, cancellationToken: cancellationToken)).Model;

    /// <summary>Unloads a version that has no alias; its requests are answered, and its memory is given back when this returns.</summary>
    /// <exception cref="RpcException">The call failed, for instance because the version has an alias.</exception>
    public async Task<Model> UnloadVersionAsync(string version, CancellationToken cancellationToken = default) =>
        (await _client.UnloadModelVersionAsync(new UnloadModelVersionRequest { Name = version }, cancellationToken: cancellationToken)).Model;

    /// <summary>Removes a version that has no alias.</summary>
    /// <exception cref="RpcException">The call failed.</exception>
    public async Task DeleteVersionAsync(string name, CancellationToken cancellationToken = default) =>
        await _client.DeleteModelVersionAsync(new DeleteModelVersionRequest { Name = name }, cancellationToken: cancellationToken);

    /// <summary>Removes a model with all its versions.</summary>
    /// <exception cref="RpcException">The call failed.</exception>
    public async Task DeleteAsync(string name, CancellationToken cancellationToken = default) =>
        await _client.DeleteModelAsync(new DeleteModelRequest { Name = name }, cancellationToken: cancellationToken);

    /// <summary>Writes a version's files into a folder, as Hugging Face transformers loads them.</summary>
    /// <param name="name">The version, in any form that a prediction takes.</param>
    /// <param name="folder">A folder that is not there yet; it is there whole or not at all.</param>
    /// <param name="cancellationToken">Cancels the call.</param>
    /// <returns>The version that it was.</returns>
    /// <exception cref="RpcException">The call failed.</exception>
    /// <exception cref="IOException">The folder is there, or cannot be written.</exception>
    /// <exception cref="InvalidDataException">What came is not what was sent.</exception>
    public async Task<string> DownloadAsync(string name, string folder, CancellationToken cancellationToken = default)
    {
        var place = Path.GetFullPath(folder);
        if (Directory.Exists(place) || File.Exists(place))
        {
            throw new IOException($"'{folder}' is there already.");
        }

        var unfinished = $"{place}.{Guid.NewGuid():n}";
        Directory.CreateDirectory(unfinished);
        try
        {
            using var call = _client.DownloadModel(new DownloadModelRequest { Name = name }, cancellationToken: cancellationToken);
            var (version, current) = ("", "");
            using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
            await foreach (var response in call.ResponseStream.ReadAllAsync(cancellationToken))
            {
                (version, current) = (response.Version.Length > 0 ? response.Version : version, Path.GetFileName(response.Piece.Name));
                await using var file = new FileStream(Path.Combine(unfinished, current), FileMode.Append, FileAccess.Write);
                await file.WriteAsync(response.Piece.Data.Memory, cancellationToken);
                hash.AppendData(response.Piece.Data.Span);
                if (response.Piece.Sha256.Length > 0 && Convert.ToHexStringLower(hash.GetHashAndReset()) != response.Piece.Sha256)
                {
                    throw new InvalidDataException($"{current} was damaged on its way.");
                }
            }

            Directory.Move(unfinished, place);
            return version;
        }
        finally
        {
            if (Directory.Exists(unfinished))
            {
                Directory.Delete(unfinished, recursive: true);
            }
        }
    }

    /// <summary>Makes a version from a folder's files.</summary>
    /// <param name="model">The model, <c>models/{id}</c>; made where there is none.</param>
    /// <param name="folder">The folder: one that <see cref="DownloadAsync"/> wrote, or a T5 that transformers saved.</param>
    /// <param name="alias">The alias that the version gets; null for <c>stable</c>.</param>
    /// <param name="cancellationToken">Cancels the call.</param>
    /// <exception cref="RpcException">The call failed, for instance because the version cannot be loaded.</exception>
    /// <exception cref="IOException">A file cannot be read.</exception>
    public Task<UploadModelResponse> UploadAsync(string model, string folder, string? alias = null, CancellationToken cancellationToken = default) => UploadCall.RunAsync(
        token => _client.UploadModel(cancellationToken: token),
        FilePieces.ReadAsync(folder).Select(piece => new UploadModelRequest { Piece = piece }).Prepend(new UploadModelRequest { Version = new NewModelVersion { Model = model, Alias = alias ?? "" } }),
        cancellationToken);
}
