using DistillGrpc.Hosting;

namespace DistillGrpc.Student.Models;

/// <summary>
/// The health of models under the names by which they are asked: <c>models/{id}</c>, <c>models/{id}@{alias}</c> and <c>models/{id}/versions/{number}</c>.
/// One that is being loaded, could not be loaded, gives no numbers or is unloaded does not serve.
/// </summary>
internal sealed class ModelHealth(ModelCatalog catalog)
{
    /// <inheritdoc cref="HealthSource"/>
    public bool? Of(string name) => ModelName.TryParse(name) is { } model ? catalog.IsServing(model) : null;
}
