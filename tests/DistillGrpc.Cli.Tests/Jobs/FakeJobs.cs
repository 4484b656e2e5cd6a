using DistillGrpc.Cli.Tests.Teaching;
using DistillGrpc.Contracts.V1;
using DistillGrpc.Hosting;
using Grpc.Core;

namespace DistillGrpc.Cli.Tests.Jobs;

/// <summary>One extraction in memory: every input is a row at once (those called <c>bad</c> are rejected), and a watch stream breaks off after every second event.</summary>
internal sealed class FakeJobs : ExtractionService.ExtractionServiceBase
{
    private readonly List<Example> _inputs = [];
    private CreateExtractionRequest? _created;

    public ExtractionState State { get; set; } = ExtractionState.Succeeded;

    /// <summary>Somebody paused it after the first row, and resumed it.</summary>
    public bool WasPaused { get; set; }

    /// <summary>Inputs called <c>refused</c> keep it open, as those of an older Teacher.</summary>
    public bool StaysOpen { get; set; }

    /// <summary>It is stopped while inputs arrive.</summary>
    public bool IsStopping { get; set; }

    public bool IsCreated => _created is not null;

    public long? Budget { get; private set; }

    public ExtractionSpec? Estimated { get; private set; }

    public override Task<CreateExtractionResponse> CreateExtraction(CreateExtractionRequest request, ServerCallContext context)
    {
        _created ??= request;
        return _created.Equals(request) ? Task.FromResult(new CreateExtractionResponse { Extraction = Now }) : throw RpcFailure.Of(StatusCode.AlreadyExists, "SPEC_DIFFERS", "It began otherwise.");
    }

    public override async Task<AppendInputsResponse> AppendInputs(IAsyncStreamReader<AppendInputsRequest> requestStream, ServerCallContext context)
    {
        if (IsStopping)
        {
            throw RpcFailure.Of(StatusCode.Unavailable, "SHUTTING_DOWN", "The service is being stopped.");
        }

        var response = new AppendInputsResponse();
        await foreach (var request in requestStream.ReadAllAsync())
        {
            if (request.Input is { Segments: ["refused"] } refused)
            {
                response.Rejected.Add(new RejectedInput { InputId = refused.Id, Error = new RowError { Message = "it is refused" } });
                response.RejectedCount++;
            }
            else if (request.Input is { } input)
            {
                var isNew = !_inputs.Exists(known => known.Id == input.Id);
                (response.Appended, response.Present) = (response.Appended + (isNew ? 1 : 0), response.Present + (isNew ? 0 : 1));
                _inputs.AddRange(isNew ? [input] : []);
            }
        }

        return response;
    }

    public override async Task WatchExtraction(WatchExtractionRequest request, IServerStreamWriter<WatchExtractionResponse> responseStream, ServerCallContext context)
    {
        await responseStream.WriteAsync(new WatchExtractionResponse { Sequence = request.AfterSequence, Extraction = Now });
        var events = _inputs.Select((input, i) => (Sequence: i + 1L, Row: Row(input))).Where(e => e.Sequence > request.AfterSequence && (request.Rows == RowFilter.All || e.Row.Result.Verdict.Accepted)).ToArray();
        foreach (var (sequence, row) in events.Take(2))
        {
            await responseStream.WriteAsync(new WatchExtractionResponse { Sequence = sequence, Row = row });
            if (WasPaused && sequence == 1)
            {
                await responseStream.WriteAsync(new WatchExtractionResponse { Sequence = sequence, Extraction = new Extraction(Now) { State = ExtractionState.Paused, LastSequence = sequence } });
            }
        }

        if (State == ExtractionState.Running)
        {
            await Task.Delay(Timeout.Infinite, context.CancellationToken);
        }

        if (events.Length > 2)
        {
            throw new RpcException(new Status(StatusCode.Unavailable, "restarting"));
        }
    }

    public override async Task<EstimateExtractionResponse> EstimateExtraction(IAsyncStreamReader<EstimateExtractionRequest> requestStream, ServerCallContext context)
    {
        var response = new EstimateExtractionResponse
        {
            Kept = 1,
            Likely = new Usage { InputTokens = 100, OutputTokens = 40, CostNanos = 1_500_000 },
            AtMost = new Usage { InputTokens = 100, OutputTokens = 512, CostNanos = 20_000_000 },
            Duration = Google.Protobuf.WellKnownTypes.Duration.FromTimeSpan(TimeSpan.FromSeconds(90)),
        };
        await foreach (var request in requestStream.ReadAllAsync())
        {
            Estimated = request.Spec ?? Estimated;
            response.Inputs += request.Input is null ? 0 : 1;
        }

        return response;
    }

    public override Task<GetExtractionResponse> GetExtraction(GetExtractionRequest request, ServerCallContext context) =>
        request.Name == Now.Name ? Task.FromResult(new GetExtractionResponse { Extraction = Now }) : throw RpcFailure.NotFound("EXTRACTION_NOT_FOUND", $"There is no extraction '{request.Name}'.");

    public override Task<ListExtractionsResponse> ListExtractions(ListExtractionsRequest request, ServerCallContext context) =>
        Task.FromResult(new ListExtractionsResponse { Extractions = { Now } });

    public override Task<PauseExtractionResponse> PauseExtraction(PauseExtractionRequest request, ServerCallContext context)
    {
        State = ExtractionState.Paused;
        return Task.FromResult(new PauseExtractionResponse { Extraction = Now });
    }

    public override Task<ResumeExtractionResponse> ResumeExtraction(ResumeExtractionRequest request, ServerCallContext context)
    {
        (State, Budget) = (ExtractionState.Running, request.HasBudgetNanos ? request.BudgetNanos : null);
        return Task.FromResult(new ResumeExtractionResponse { Extraction = Now });
    }

    public override Task<CancelExtractionResponse> CancelExtraction(CancelExtractionRequest request, ServerCallContext context)
    {
        State = ExtractionState.Cancelled;
        return Task.FromResult(new CancelExtractionResponse { Extraction = Now });
    }

    public override Task<DeleteExtractionResponse> DeleteExtraction(DeleteExtractionRequest request, ServerCallContext context)
    {
        _inputs.Clear();
        return Task.FromResult(new DeleteExtractionResponse());
    }

    public override Task<GetExtractionReportResponse> GetExtractionReport(GetExtractionReportRequest request, ServerCallContext context) => Task.FromResult(new GetExtractionReportResponse
    {
        Extraction = Now,
        GoldRows = 4,
        GoldRight = 3,
        Rejections = { new RejectionCount { Reason = RejectionReason.WrongLabel, Rows = 1, Examples = { _inputs.Where(input => input.Segments[0] == "bad").Take(request.Examples).Select(Row) } } },
    });

    private Extraction Now
    {
        get
        {
            var accepted = _inputs.Count(input => input.Segments[0] != "bad");
            return new Extraction
            {
                Name = "extractions/night",
                State = State,
                InputsComplete = !StaysOpen,
                Counts = new ExtractionCounts { Inputs = _inputs.Count, Accepted = accepted, Rejected = _inputs.Count - accepted },
                Usage = new Usage { CostNanos = _inputs.Count * 1_000_000 },
                LastSequence = _inputs.Count,
            };
        }
    }

    private static ExtractionRow Row(Example input) => new()
    {
        Example = input,
        Result = input.Segments[0] == "bad" ? TeachCommandTests.Rejected(input) : new RationaleResult(TeachCommandTests.Good(input)) { Verdict = new Verdict { Accepted = true } },
    };
}
