using DistillGrpc.Student.Models;

namespace DistillGrpc.Student.Serving.Traffic;

/// <summary>Who answers a request.</summary>
/// <param name="Model">The version that does.</param>
/// <param name="Shadow">The version that is asked besides, or null.</param>
/// <param name="Figures">Where it is counted; there with a shadow.</param>
internal sealed record Route(ServedModel Model, ServedModel? Shadow = null, ShadowFigures? Figures = null);
