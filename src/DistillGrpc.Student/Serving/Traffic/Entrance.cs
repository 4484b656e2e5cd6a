using DistillGrpc.Contracts.V1;
using DistillGrpc.Hosting;
using DistillGrpc.Student.Models;

namespace DistillGrpc.Student.Serving.Traffic;

/// <summary>
/// Lets requests into the versions that answer them. Where another takes a version's place in between, a request goes to that one, which may be asked otherwise. What the Teacher has
/// said until then it is not asked for, and paid for, again, unless the other version has learnt from another teacher or prompt.
/// </summary>
internal sealed class Entrance(ModelCatalog catalog, TrafficRoutes routes, GivenRationales rationales)
{
    private const int MostTries = 10;

    /// <summary>Lets a request in.</summary>
    /// <param name="request">The request, checked.</param>
    /// <param name="isAnswered">Looks at a version before it is entered: refuses what it has not learnt, and says whether there is an answer without it.</param>
    /// <param name="cancellationToken">The caller has gone.</param>
    /// <exception cref="Grpc.Core.RpcException">What InferenceService says.</exception>
    public async Task<Entry> EnterAsync(PredictRequest request, Func<ServedModel, bool> isAnswered, CancellationToken cancellationToken)
    {
        Said? said = null;
        for (var tries = 1; ; tries++)
        {
            var route = routes.Of(catalog.Find(request.Model, "model"), request);
            var model = route.Model;
            model.RequireLoaded();
            if (isAnswered(model))
            {
                return new Entry(route, null, request.GivenRationale);
            }

            var needsTeacher = model.Card.Form == PredictionForm.LabelFromRationale && request.GivenRationale.Length == 0;
            if (needsTeacher && said?.IsFor(model.Card) != true)
            {
                said = new Said(model.Card.Teacher, model.Card.Prompt, await rationales.AskAsync(model.Card, request.Segments, cancellationToken));
            }

            if (model.Enter() is { } lease)
            {
                return new Entry(route, lease, needsTeacher ? said!.Rationale : request.GivenRationale);
            }

            // Another version has taken its place meanwhile.
            if (tries == MostTries)
            {
                throw RpcFailure.Unavailable("MODEL_UNLOADING", $"{model.Name} is being unloaded.", TimeSpan.FromSeconds(1));
            }
        }
    }

    private sealed record Said(string Teacher, string Prompt, string Rationale)
    {
        public bool IsFor(ModelCard card) => card.Teacher == Teacher && card.Prompt == Prompt;
    }
}
