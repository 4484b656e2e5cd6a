using System.Globalization;
using System.Text.RegularExpressions;
using DistillGrpc.Contracts.V1;
using DistillGrpc.Hosting;
using DistillGrpc.Teacher.Explaining;
using DistillGrpc.Teacher.Rationales;
using DistillGrpc.Teacher.Spending;
using Google.Protobuf.WellKnownTypes;
using Grpc.Core;

namespace DistillGrpc.Teacher.Extractions;

/// <summary>The calls about extractions.</summary>
internal sealed partial class ExtractionService(
    ExtractionStore store, ExtractionWatch watch, Planner planner, Explainer explainer, Ledger ledger, TeacherOptions options, TimeProvider time) : Contracts.V1.ExtractionService.ExtractionServiceBase
{
    private const int MaxPageSize = 1000;
    private const int DefaultPageSize = 100;
    private const int MaxNameLength = 200;
    private const int AppendedAtOnce = 200;
    private const int MaxRejectedInputs = 100;
    private const int MaxExamples = 20;
    private const int MaxReports = 1000;
    private const int RowsForExamples = 10_000;
    private const int MaxBusyTries = 50;
    private const long MaxBatchBytes = 1 << 20;
    private static readonly TimeSpan BusyRetry = TimeSpan.FromSeconds(5);
    private static readonly TimeSpan RateWindow = TimeSpan.FromSeconds(30);

    private static readonly ExtractionState[] Open = [ExtractionState.Running, ExtractionState.Paused, ExtractionState.OutOfBudget, ExtractionState.Failed];

    public override async Task<CreateExtractionResponse> CreateExtraction(CreateExtractionRequest request, ServerCallContext context)
    {
        var spec = Checked(request.Spec);
        Require(request.ExtractionId.Length == 0 || Id().IsMatch(request.ExtractionId), "extraction_id", "must be 1 to 63 of a-z, 0-9 and '-'");
        Require(request.RequestId.Length <= MaxNameLength, "request_id", $"has more than {MaxNameLength} characters");
        if (request.ValidateOnly)
        {
            return new CreateExtractionResponse { Extraction = new Extraction { Spec = spec } };
        }

        var id = request.ExtractionId.Length > 0 ? request.ExtractionId : $"x-{Guid.NewGuid():n}"[..14];
        var (extraction, isOwn) = await store.CreateAsync(id, request.RequestId, spec, context.CancellationToken);
        return extraction is null ? throw RpcFailure.Unavailable("EXTRACTION_BUSY", "An extraction of this name is still being removed.", BusyRetry)
            : isOwn ? new CreateExtractionResponse { Extraction = await MessageAsync(extraction, context.CancellationToken) }
            : extraction.Id == request.ExtractionId ? throw RpcFailure.AlreadyExists("EXTRACTION_EXISTS", $"There is an extraction '{extraction.Name}' already, of another request or spec.")
            : throw RpcFailure.AlreadyExists("REQUEST_ID_REUSED", "This request_id came before, with another spec.");
    }

    public override async Task<AppendInputsResponse> AppendInputs(IAsyncStreamReader<AppendInputsRequest> requestStream, ServerCallContext context)
    {
        var target = await requestStream.MoveNext(context.CancellationToken) ? requestStream.Current.Target : null;
        Require(target is not null, "target", "the first message must hold it");
        var id = IdOf(target!.Extraction, "target.extraction");
        var (response, batch, position, bytes) = (new AppendInputsResponse(), new List<(long Position, Example Input)>(), 0L, 0L);
        _ = await ExistingAsync(id, context);
        while (await requestStream.MoveNext(context.CancellationToken))
        {
            var input = requestStream.Current.Input ?? throw RpcFailure.InvalidArgument("input", "every message after the first must hold one");
            position++;
            if (Rows.ErrorOf(input) is { } error)
            {
                Reject(response, position, input.Id, error);
                continue;
            }

            batch.Add((position, input));
            bytes += input.CalculateSize();
            if (batch.Count == AppendedAtOnce || bytes > MaxBatchBytes)
            {
                bytes = 0;
                await AppendAsync(id, batch, response, context.CancellationToken);
            }
        }

        await AppendAsync(id, batch, response, context.CancellationToken);
        if (target.Complete)
        {
            _ = await store.CloseAsync(id, context.CancellationToken) ?? throw NotFound(id);
        }

        return response;
    }

    public override async Task<EstimateExtractionResponse> EstimateExtraction(IAsyncStreamReader<EstimateExtractionRequest> requestStream, ServerCallContext context)
    {
        var spec = await requestStream.MoveNext(context.CancellationToken) ? requestStream.Current.Spec : null;
        Require(spec is not null, "spec", "the first message must hold it");
        var plan = planner.Of(Checked(spec!).Rationales, DateTimeOffset.MaxValue, "spec.rationales");
        var estimator = new ExtractionEstimator(plan, explainer, ledger, options);
        while (await requestStream.MoveNext(context.CancellationToken))
        {
            await estimator.AddAsync(requestStream.Current.Input ?? throw RpcFailure.InvalidArgument("input", "every message after the first must hold one"), context.CancellationToken);
        }

        return estimator.Sum();
    }

    public override async Task<GetExtractionResponse> GetExtraction(GetExtractionRequest request, ServerCallContext context) =>
        new() { Extraction = await MessageAsync(await ExistingAsync(IdOf(request.Name), context), context.CancellationToken) };

    public override async Task<ListExtractionsResponse> ListExtractions(ListExtractionsRequest request, ServerCallContext context)
    {
        Require(request.PageSize >= 0, "page_size", "must not be negative");
        var before = long.MaxValue;
        Require(request.PageToken.Length == 0 || (long.TryParse(request.PageToken, NumberStyles.None, CultureInfo.InvariantCulture, out before) && before > 0), "page_token", "is not one that this call gave");
        var size = request.PageSize == 0 ? DefaultPageSize : Math.Min(request.PageSize, MaxPageSize);
        var page = await store.ListAsync(before, size + 1, context.CancellationToken);
        var response = new ListExtractionsResponse { NextPageToken = page.Count > size ? page[size - 1].Number.ToString(CultureInfo.InvariantCulture) : "" };
        foreach (var extraction in page.Take(size))
        {
            response.Extractions.Add(await MessageAsync(extraction, context.CancellationToken));
        }

        return response;
    }

    public override async Task WatchExtraction(WatchExtractionRequest request, IServerStreamWriter<WatchExtractionResponse> responseStream, ServerCallContext context)
    {
        Require(request.AfterSequence >= 0, "after_sequence", "must not be negative");
        Require(System.Enum.IsDefined(request.Rows), "rows", "is none of the filters");
        var id = IdOf(request.Name);
        _ = await ExistingAsync(id, context);
        await foreach (var response in watch.WatchAsync(id, request.AfterSequence, request.Rows, request.Follow, extraction => MessageAsync(extraction, context.CancellationToken), context.CancellationToken))
        {
            await responseStream.WriteAsync(response, context.CancellationToken);
        }
    }

    public override async Task<GetExtractionReportResponse> GetExtractionReport(GetExtractionReportRequest request, ServerCallContext context)
    {
        Require(request.Examples is >= 0 and <= MaxExamples, "examples", $"must be 0 to {MaxExamples}");
        var extraction = await ExistingAsync(IdOf(request.Name), context);
        var counters = await store.CountersAsync(extraction.Id, context.CancellationToken);
        var response = new GetExtractionReportResponse
        {
            Extraction = await MessageAsync(extraction, context.CancellationToken),
            GoldRight = counters.GetValueOrDefault(Counters.GoldRight),
            GoldRows = counters.GetValueOrDefault(Counters.Gold),
            Rationalized = counters.GetValueOrDefault(Counters.Rationalized),
            Rejections =
            {
                counters.Select(counter => (Reason: Counters.ReasonOf(counter.Key), counter.Value)).Where(counter => counter.Reason is not null)
                    .Select(counter => new RejectionCount { Reason = counter.Reason!.Value, Rows = counter.Value }).OrderByDescending(count => count.Rows).ThenBy(count => count.Reason),
            },
        };
        await AddExamplesAsync(response, extraction, request.Examples, context.CancellationToken);
        return response;
    }

    public override async Task<PauseExtractionResponse> PauseExtraction(PauseExtractionRequest request, ServerCallContext context) =>
        new() { Extraction = await ChangeAsync(request.Name, [ExtractionState.Running], ExtractionState.Paused, null, context.CancellationToken) };

    public override async Task<ResumeExtractionResponse> ResumeExtraction(ResumeExtractionRequest request, ServerCallContext context)
    {
        Require(!request.HasBudgetNanos || request.BudgetNanos >= 0, "budget_nanos", "must not be negative");
        return new() { Extraction = await ChangeAsync(request.Name, Open, ExtractionState.Running, request.HasBudgetNanos ? request.BudgetNanos : null, context.CancellationToken) };
    }

    public override async Task<CancelExtractionResponse> CancelExtraction(CancelExtractionRequest request, ServerCallContext context) =>
        new() { Extraction = await ChangeAsync(request.Name, Open, ExtractionState.Cancelled, null, context.CancellationToken) };

    public override async Task<DeleteExtractionResponse> DeleteExtraction(DeleteExtractionRequest request, ServerCallContext context)
    {
        var extraction = await ExistingAsync(IdOf(request.Name), context);
        if (extraction.State == ExtractionState.Running)
        {
            throw RpcFailure.FailedPrecondition("EXTRACTION_RUNNING", $"{extraction.Name} is running: pause or cancel it first.");
        }

        // Its last calls may be under way.
        for (var tries = 0; await store.IsBusyAsync(extraction.Id, context.CancellationToken); tries++)
        {
            if (tries == MaxBusyTries)
            {
                throw RpcFailure.Unavailable("EXTRACTION_BUSY", $"Calls of {extraction.Name} are still under way.", BusyRetry);
            }

            await Task.Delay(TimeSpan.FromMilliseconds(200), time, context.CancellationToken);
        }

        await store.DeleteAsync(extraction.Id, context.CancellationToken);
        return new DeleteExtractionResponse();
    }

    public override async Task<SetPrioritiesResponse> SetPriorities(IAsyncStreamReader<SetPrioritiesRequest> requestStream, ServerCallContext context)
    {
        var name = await requestStream.MoveNext(context.CancellationToken) ? requestStream.Current.Extraction : "";
        Require(name.Length > 0, "extraction", "the first message must hold it");
        var (id, response, batch) = ((await ExistingAsync(IdOf(name, "extraction"), context)).Id, new SetPrioritiesResponse(), new List<InputPriority>());
        while (await requestStream.MoveNext(context.CancellationToken))
        {
            var priority = requestStream.Current.Priority ?? throw RpcFailure.InvalidArgument("priority", "every message after the first must hold one");
            Require(double.IsFinite(priority.Priority), "priority.priority", "must be a finite number");
            batch.Add(priority);
            if (batch.Count == AppendedAtOnce)
            {
                await PrioritizeAsync(id, batch, response, context.CancellationToken);
            }
        }

        await PrioritizeAsync(id, batch, response, context.CancellationToken);
        return response;
    }

    public override async Task<ReportQualityResponse> ReportQuality(ReportQualityRequest request, ServerCallContext context)
    {
        Require(request.Rows >= 0, "rows", "must not be negative");
        Require(double.IsFinite(request.Quality), "quality", "must be a finite number");
        var extraction = await ExistingAsync(IdOf(request.Extraction, "extraction"), context);
        var reports = await store.ReportAsync(extraction.Id, request.Rows, request.Quality, context.CancellationToken) ?? throw NotFound(extraction.Id);
        var isFlat = extraction.Spec.Stopping is { } rule && reports.Count > rule.Reports && reports.TakeLast(rule.Reports).Max() - reports.SkipLast(rule.Reports).Max() < rule.MinGain;
        var now = isFlat
            ? await store.SetStateAsync(extraction.Id, Open, ExtractionState.Succeeded, "CURVE_FLAT", "The last reports of quality gained less than the stopping rule asks for.", null, context.CancellationToken)
            : await store.FindAsync(extraction.Id, context.CancellationToken);
        return new ReportQualityResponse { Extraction = await MessageAsync(now ?? throw NotFound(extraction.Id), context.CancellationToken) };
    }

    private ExtractionSpec Checked(ExtractionSpec? spec)
    {
        Require(spec?.Rationales is not null, "spec.rationales", "must be there");
        Require(!spec!.Rationales.StreamText, "spec.rationales.stream_text", "is not for extractions: nobody listens");
        Require(spec.DisplayName.Length <= MaxNameLength, "spec.display_name", $"has more than {MaxNameLength} characters");
        Require(spec.Stopping is null || spec.Stopping.Reports is >= 1 and <= MaxReports, "spec.stopping.reports", $"must be 1 to {MaxReports}");
        Require(spec.Stopping is null || double.IsFinite(spec.Stopping.MinGain), "spec.stopping.min_gain", "must be a finite number");
        _ = planner.Of(spec.Rationales, DateTimeOffset.MaxValue, "spec.rationales");
        return spec;
    }

    private async Task AppendAsync(string id, List<(long Position, Example Input)> batch, AppendInputsResponse response, CancellationToken cancellationToken)
    {
        if (batch.Count == 0)
        {
            return;
        }

        var outcomes = await store.AppendAsync(id, [.. batch.Select(item => item.Input)], cancellationToken) ?? throw NotFound(id);
        foreach (var ((position, input), outcome) in batch.Zip(outcomes))
        {
            response.Appended += outcome == AppendOutcome.Appended ? 1 : 0;
            response.Present += outcome == AppendOutcome.Present ? 1 : 0;
            if (outcome == AppendOutcome.Changed)
            {
                Reject(response, position, input.Id, new RowError { Code = (int)StatusCode.AlreadyExists, Reason = "INPUT_CHANGED", Message = "input.id: another input has it", Field = "input.id" });
            }
            else if (outcome == AppendOutcome.Closed)
            {
                throw RpcFailure.FailedPrecondition("INPUTS_COMPLETE", $"{StoredExtraction.Collection}{id} takes no more inputs.");
            }
        }

        batch.Clear();
    }

    private async Task PrioritizeAsync(string id, List<InputPriority> batch, SetPrioritiesResponse response, CancellationToken cancellationToken)
    {
        var changed = batch.Count == 0 ? 0 : await store.PrioritizeAsync(id, batch, cancellationToken);
        response.Changed += changed;
        response.PassedOver += batch.Count - changed;
        batch.Clear();
    }

    private async Task<Extraction> ChangeAsync(string name, IReadOnlyList<ExtractionState> from, ExtractionState to, long? budget, CancellationToken cancellationToken)
    {
        var id = IdOf(name);
        var extraction = await store.SetStateAsync(id, from, to, "", "", budget, cancellationToken) ?? throw NotFound(id);
        // There may have been nothing left to do.
        return extraction.State == to || (to == ExtractionState.Running && extraction.State == ExtractionState.Succeeded)
            ? await MessageAsync(extraction, cancellationToken)
            : throw RpcFailure.FailedPrecondition("EXTRACTION_STATE", $"{extraction.Name} is {extraction.State}.");
    }

    private async Task AddExamplesAsync(GetExtractionReportResponse response, StoredExtraction extraction, int count, CancellationToken cancellationToken)
    {
        var (after, seen) = (0L, 0);
        bool IsOpen() => response.AcceptedExamples.Count < Math.Min(count, extraction.Accepted) || response.Rejections.Any(reason => reason.Examples.Count < Math.Min(count, reason.Rows));
        while (count > 0 && seen < RowsForExamples && IsOpen() && await store.EventsAsync(extraction.Id, after, RowFilter.All, AppendedAtOnce, cancellationToken) is { Count: > 0 } events)
        {
            foreach (var row in events.Select(e => e.Row).OfType<ExtractionRow>())
            {
                var examples = row.Result.Verdict.Reasons.Select(reason => response.Rejections.FirstOrDefault(counted => counted.Reason == reason)?.Examples);
                foreach (var list in row.Result.Verdict.Accepted ? [response.AcceptedExamples] : examples)
                {
                    list?.Add(list.Count < count ? [row] : []);
                }
            }

            (after, seen) = (events[^1].Sequence, seen + events.Count);
        }
    }

    // With its costs, and its pace: that of the last rows, whoever made them.
    private async Task<Extraction> MessageAsync(StoredExtraction extraction, CancellationToken cancellationToken)
    {
        var message = extraction.ToMessage();
        var balance = await ledger.BalanceOfAsync(extraction.Name, cancellationToken);
        message.Usage = new Usage { InputTokens = balance.InputTokens, OutputTokens = balance.OutputTokens, CostNanos = balance.Spent };
        var open = extraction.Inputs - extraction.Accepted - extraction.Rejected;
        if (extraction.State == ExtractionState.Running && open > 0)
        {
            message.RowsPerSecond = await RateOfAsync(extraction, cancellationToken);
            message.Remaining = message.RowsPerSecond > 0 ? Duration.FromTimeSpan(TimeSpan.FromSeconds(Math.Min(open / message.RowsPerSecond, 1e9))) : null;
        }

        return message;
    }

    private async ValueTask<double> RateOfAsync(StoredExtraction extraction, CancellationToken cancellationToken)
    {
        // Twice as far back each time, until half a minute is covered.
        for (var rows = 16L; rows < extraction.Sequence; rows *= 2)
        {
            if (await store.TimeOfAsync(extraction.Id, extraction.Sequence - rows, cancellationToken) is { } then && time.GetUtcNow() - then is var took && (took > RateWindow || rows * 2 >= extraction.Sequence))
            {
                return took > TimeSpan.Zero ? rows / took.TotalSeconds : 0;
            }
        }

        return 0;
    }

    private async ValueTask<StoredExtraction> ExistingAsync(string id, ServerCallContext context) => await store.FindAsync(id, context.CancellationToken) ?? throw NotFound(id);

    private static void Reject(AppendInputsResponse response, long position, string inputId, RowError error)
    {
        response.RejectedCount++;
        if (response.Rejected.Count < MaxRejectedInputs)
        {
            response.Rejected.Add(new RejectedInput { Position = position, InputId = inputId.Length <= MaxNameLength ? inputId : inputId[..MaxNameLength], Error = error });
        }
    }

    private static string IdOf(string name, string field = "name")
    {
        var isName = name.StartsWith(StoredExtraction.Collection, StringComparison.Ordinal) && Id().IsMatch(name[StoredExtraction.Collection.Length..]);
        Require(isName, field, "must look like extractions/{id}");
        return name[StoredExtraction.Collection.Length..];
    }

    private static RpcException NotFound(string id) => RpcFailure.NotFound("EXTRACTION_NOT_FOUND", $"There is no extraction '{StoredExtraction.Collection}{id}'.");

    private static void Require(bool condition, string field, string message)
    {
        if (!condition)
        {
            throw RpcFailure.InvalidArgument(field, message);
        }
    }

    [GeneratedRegex(@"^[a-z0-9-]{1,63}\z", RegexOptions.CultureInvariant, 1000)]
    private static partial Regex Id();
}
