using DistillGrpc.Contracts.V1;
using DistillGrpc.Hosting;
using DistillGrpc.Student.Operating;

namespace DistillGrpc.Student.Models;

/// <summary>
/// The health of models under the names by which they are asked: <c>models/{id}</c>, <c>models/{id}@{alias}</c> and <c>models/{id}/versions/{number}</c>.
/// One that is being loaded, could not be loaded, gives no numbers or is unloaded does not serve; nor does any while the process is drained, nor the
/// process, nor its service of answers.
/// </summary>
internal sealed class ModelHealth(ModelCatalog catalog, InferenceGate gate)
{
    /// <inheritdoc cref="HealthSource"/>
    public bool? Of(string name) =>
        ModelName.TryParse(name) is { } model ? catalog.IsServing(model) is { } isServing ? isServing && !gate.IsDraining : null
        : gate.IsDraining && (name.Length == 0 || name == InferenceService.Descriptor.FullName) ? false
        : null;
}
