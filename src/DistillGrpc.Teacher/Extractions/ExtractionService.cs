using System.Globalization;
using DistillGrpc.Contracts.V1;
using DistillGrpc.Hosting;
using DistillGrpc.Teacher.Explaining;
using DistillGrpc.Teacher.Spending;
using Grpc.Core;

namespace DistillGrpc.Teacher.Extractions;

/// <summary>The calls about extractions.</summary>
internal sealed class ExtractionService(
    ExtractionStore extractions, ExtractionInputs inputs, ExtractionWatch watch, ExtractionStatus status, ExtractionReporter reporter,
    Planner planner, Explainer explainer, Ledger ledger, TeacherOptions options, TimeProvider time) : Contracts.V1.ExtractionService.ExtractionServiceBase
{
    private const int PrioritizedAtOnce = 200;
    private const int MaxExamples = 20;
    private const int MaxBusyTries = 50;
    private static readonly TimeSpan BusyRetry = TimeSpan.FromSeconds(5);
    private static readonly ExtractionState[] Open = [ExtractionState.Running, ExtractionState.Paused, ExtractionState.OutOfBudget, ExtractionState.Failed];

    public override async Task<CreateExtractionResponse> CreateExtraction(CreateExtractionRequest request, ServerCallContext context)
    {
        ExtractionRequest.Check(request);
        _ = PlanOf(request.Spec);
        if (request.ValidateOnly)
        {
            return new CreateExtractionResponse { Extraction = new Extraction { Spec = request.Spec } };
        }

        var id = request.ExtractionId.Length > 0 ? request.ExtractionId : $"x-{Guid.NewGuid():n}"[..14];
        var (extraction, isOwn) = await extractions.CreateAsync(id, request.RequestId, request.Spec, context.CancellationToken);
        return extraction is null ? throw RpcFailure.Unavailable("EXTRACTION_BUSY", "An extraction of this name is still being removed.", BusyRetry)
            : isOwn ? new CreateExtractionResponse { Extraction = await status.OfAsync(extraction, context.CancellationToken) }
            : extraction.Id == request.ExtractionId ? throw RpcFailure.AlreadyExists("EXTRACTION_EXISTS", $"There is an extraction '{extraction.Name}' already, of another request or spec.")
            : throw RpcFailure.AlreadyExists("REQUEST_ID_REUSED", "This request_id came before, with another spec.");
    }

    public override async Task<AppendInputsResponse> AppendInputs(IAsyncStreamReader<AppendInputsRequest> requestStream, ServerCallContext context)
    {
        var target = await requestStream.MoveNext(context.CancellationToken) ? requestStream.Current.Target : null;
        RpcFailure.Require(target is not null, "target", "the first message must hold it");
        var id = ExtractionRequest.IdOf(target!.Extraction, "target.extraction");
        _ = await ExistingAsync(id, context);
        var upload = new InputUpload(inputs, id);
        while (await requestStream.MoveNext(context.CancellationToken))
        {
            await upload.AddAsync(requestStream.Current.Input ?? throw RpcFailure.InvalidArgument("input", "every message after the first must hold one"), context.CancellationToken);
        }

        var response = await upload.FinishAsync(context.CancellationToken);
        if (target.Complete)
        {
            _ = await extractions.CloseAsync(id, context.CancellationToken) ?? throw ExtractionRequest.NotFound(id);
        }

        return response;
    }

    public override async Task<EstimateExtractionResponse> EstimateExtraction(IAsyncStreamReader<EstimateExtractionRequest> requestStream, ServerCallContext context)
    {
        var spec = await requestStream.MoveNext(context.CancellationToken) ? requestStream.Current.Spec : null;
        RpcFailure.Require(spec is not null, "spec", "the first message must hold it");
        ExtractionRequest.Check(spec);
        var estimator = new ExtractionEstimator(PlanOf(spec!), explainer, ledger, options);
        while (await requestStream.MoveNext(context.CancellationToken))
        {
            await estimator.AddAsync(requestStream.Current.Input ?? throw RpcFailure.InvalidArgument("input", "every message after the first must hold one"), context.CancellationToken);
        }

        return estimator.Sum();
    }

    public override async Task<GetExtractionResponse> GetExtraction(GetExtractionRequest request, ServerCallContext context) =>
        new() { Extraction = await status.OfAsync(await ExistingAsync(ExtractionRequest.IdOf(request.Name), context), context.CancellationToken) };

    public override async Task<ListExtractionsResponse> ListExtractions(ListExtractionsRequest request, ServerCallContext context)
    {
        var size = PageSize.Of(request.PageSize);
        var before = long.MaxValue;
        RpcFailure.Require(request.PageToken.Length == 0 || (long.TryParse(request.PageToken, NumberStyles.None, CultureInfo.InvariantCulture, out before) && before > 0), "page_token", "is not one that this call gave");
        var page = await extractions.ListAsync(before, size + 1, context.CancellationToken);
        var response = new ListExtractionsResponse { NextPageToken = page.Count > size ? page[size - 1].Number.ToString(CultureInfo.InvariantCulture) : "" };
        foreach (var extraction in page.Take(size))
        {
            response.Extractions.Add(await status.OfAsync(extraction, context.CancellationToken));
        }

        return response;
    }

    public override async Task WatchExtraction(WatchExtractionRequest request, IServerStreamWriter<WatchExtractionResponse> responseStream, ServerCallContext context)
    {
        RpcFailure.Require(request.AfterSequence >= 0, "after_sequence", "must not be negative");
        RpcFailure.Require(System.Enum.IsDefined(request.Rows), "rows", "is none of the filters");
        var id = ExtractionRequest.IdOf(request.Name);
        _ = await ExistingAsync(id, context);
        await foreach (var response in watch.WatchAsync(id, request.AfterSequence, request.Rows, request.Follow, context.CancellationToken))
        {
            await responseStream.WriteAsync(response, context.CancellationToken);
        }
    }

    public override async Task<GetExtractionReportResponse> GetExtractionReport(GetExtractionReportRequest request, ServerCallContext context)
    {
        RpcFailure.Require(request.Examples is >= 0 and <= MaxExamples, "examples", $"must be 0 to {MaxExamples}");
        var extraction = await ExistingAsync(ExtractionRequest.IdOf(request.Name), context);
        return await reporter.OfAsync(extraction, request.Examples, context.CancellationToken);
    }

    public override async Task<PauseExtractionResponse> PauseExtraction(PauseExtractionRequest request, ServerCallContext context) =>
        new() { Extraction = await ChangeAsync(request.Name, [ExtractionState.Running], ExtractionState.Paused, null, context.CancellationToken) };

    public override async Task<ResumeExtractionResponse> ResumeExtraction(ResumeExtractionRequest request, ServerCallContext context)
    {
        RpcFailure.Require(!request.HasBudgetNanos || request.BudgetNanos >= 0, "budget_nanos", "must not be negative");
        return new() { Extraction = await ChangeAsync(request.Name, Open, ExtractionState.Running, request.HasBudgetNanos ? request.BudgetNanos : null, context.CancellationToken) };
    }

    public override async Task<CancelExtractionResponse> CancelExtraction(CancelExtractionRequest request, ServerCallContext context) =>
        new() { Extraction = await ChangeAsync(request.Name, Open, ExtractionState.Cancelled, null, context.CancellationToken) };

    public override async Task<DeleteExtractionResponse> DeleteExtraction(DeleteExtractionRequest request, ServerCallContext context)
    {
        var extraction = await ExistingAsync(ExtractionRequest.IdOf(request.Name), context);
        if (extraction.State == ExtractionState.Running)
        {
            throw RpcFailure.FailedPrecondition("EXTRACTION_RUNNING", $"{extraction.Name} is running: pause or cancel it first.");
        }

        // Its last calls may be under way.
        for (var tries = 0; await inputs.IsBusyAsync(extraction.Id, context.CancellationToken); tries++)
        {
            if (tries == MaxBusyTries)
            {
                throw RpcFailure.Unavailable("EXTRACTION_BUSY", $"Calls of {extraction.Name} are still under way.", BusyRetry);
            }

            await Task.Delay(TimeSpan.FromMilliseconds(200), time, context.CancellationToken);
        }

        await extractions.DeleteAsync(extraction.Id, context.CancellationToken);
        return new DeleteExtractionResponse();
    }

    public override async Task<SetPrioritiesResponse> SetPriorities(IAsyncStreamReader<SetPrioritiesRequest> requestStream, ServerCallContext context)
    {
        var name = await requestStream.MoveNext(context.CancellationToken) ? requestStream.Current.Extraction : "";
        RpcFailure.Require(name.Length > 0, "extraction", "the first message must hold it");
        var (id, response, batch) = ((await ExistingAsync(ExtractionRequest.IdOf(name, "extraction"), context)).Id, new SetPrioritiesResponse(), new List<InputPriority>());
        while (await requestStream.MoveNext(context.CancellationToken))
        {
            var priority = requestStream.Current.Priority ?? throw RpcFailure.InvalidArgument("priority", "every message after the first must hold one");
            RpcFailure.Require(double.IsFinite(priority.Priority), "priority.priority", "must be a finite number");
            batch.Add(priority);
            if (batch.Count == PrioritizedAtOnce)
            {
                await PrioritizeAsync(id, batch, response, context.CancellationToken);
            }
        }

        await PrioritizeAsync(id, batch, response, context.CancellationToken);
        return response;
    }

    public override async Task<ReportQualityResponse> ReportQuality(ReportQualityRequest request, ServerCallContext context)
    {
        RpcFailure.Require(request.Rows >= 0, "rows", "must not be negative");
        RpcFailure.Require(double.IsFinite(request.Quality), "quality", "must be a finite number");
        var extraction = await ExistingAsync(ExtractionRequest.IdOf(request.Extraction, "extraction"), context);
        var reports = await extractions.ReportAsync(extraction.Id, request.Rows, request.Quality, context.CancellationToken) ?? throw ExtractionRequest.NotFound(extraction.Id);
        var isFlat = extraction.Spec.Stopping is { } rule && reports.Count > rule.Reports && reports.TakeLast(rule.Reports).Max() - reports.SkipLast(rule.Reports).Max() < rule.MinGain;
        var now = isFlat
            ? await extractions.SetStateAsync(extraction.Id, Open, ExtractionState.Succeeded, "CURVE_FLAT", "The last reports of quality gained less than the stopping rule asks for.", null, context.CancellationToken)
            : await extractions.FindAsync(extraction.Id, context.CancellationToken);
        return new ReportQualityResponse { Extraction = await status.OfAsync(now ?? throw ExtractionRequest.NotFound(extraction.Id), context.CancellationToken) };
    }

    // What is asked of the teachers; refused where this Teacher cannot do it.
    private ExplainPlan PlanOf(ExtractionSpec spec) => planner.Of(spec.Rationales, DateTimeOffset.MaxValue, "spec.rationales");

    private async Task PrioritizeAsync(string id, List<InputPriority> batch, SetPrioritiesResponse response, CancellationToken cancellationToken)
    {
        var changed = batch.Count == 0 ? 0 : await inputs.PrioritizeAsync(id, batch, cancellationToken);
        response.Changed += changed;
        response.PassedOver += batch.Count - changed;
        batch.Clear();
    }

    private async Task<Extraction> ChangeAsync(string name, IReadOnlyList<ExtractionState> from, ExtractionState to, long? budget, CancellationToken cancellationToken)
    {
        var id = ExtractionRequest.IdOf(name);
        var extraction = await extractions.SetStateAsync(id, from, to, "", "", budget, cancellationToken) ?? throw ExtractionRequest.NotFound(id);
        // There may have been nothing left to do.
        return extraction.State == to || (to == ExtractionState.Running && extraction.State == ExtractionState.Succeeded)
            ? await status.OfAsync(extraction, cancellationToken)
            : throw RpcFailure.FailedPrecondition("EXTRACTION_STATE", $"{extraction.Name} is {extraction.State}.");
    }

    private async ValueTask<StoredExtraction> ExistingAsync(string id, ServerCallContext context) => await extractions.FindAsync(id, context.CancellationToken) ?? throw ExtractionRequest.NotFound(id);
}
