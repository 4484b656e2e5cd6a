using DistillGrpc.Contracts.V1;
using DistillGrpc.Student.Models;

namespace DistillGrpc.Student.Serving.Traffic;

/// <summary>Divides requests under a model's plain name among its versions.</summary>
internal sealed class TrafficRoutes(ModelCatalog catalog)
{
    /// <summary>Who answers a request.</summary>
    /// <param name="named">The version that its name stands for; it answers where no other is to, or none can.</param>
    /// <param name="request">The request, checked.</param>
    public Route Of(ServedModel named, PredictRequest request)
    {
        var (model, name) = catalog.FindModel(request.Model, "model");
        if (model.Division is not { } division || name is not { Alias: null, Number: null })
        {
            return new Route(named);
        }

        var policy = division.Policy;
        if (Serving(model, policy.CanaryAlias, policy.CanaryPercent) is { } canary && StickyShare.Of("canary", model.Id, request) < policy.CanaryPercent)
        {
            division.Given(toCanary: true);
            return new Route(canary);
        }

        division.Given(toCanary: false);
        // A request that comes while either alias moves is nobody's.
        return request.Task != PredictionTask.Rationale
            && Serving(model, policy.ShadowAlias, policy.ShadowPercent) is { } shadow && shadow != named && StickyShare.Of("shadow", model.Id, request) < policy.ShadowPercent
            && division.Shadow is { } figures && figures.AreOf(named.Name, shadow.Name)
            ? new Route(named, shadow, figures)
            : new Route(named);
    }

    private static ServedModel? Serving(CatalogModel model, string alias, double percent) =>
        percent > 0 && model.Aliases.TryGetValue(alias, out var number) && model.Served.TryGetValue(number, out var served) && served.IsServing ? served : null;
}
