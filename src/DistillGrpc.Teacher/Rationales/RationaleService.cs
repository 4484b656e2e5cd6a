using DistillGrpc.Contracts.V1;
using DistillGrpc.Hosting;
using DistillGrpc.Teacher.Backends;
using DistillGrpc.Teacher.Inventing;
using DistillGrpc.Teacher.Prompts;
using DistillGrpc.Teacher.Spending;
using Grpc.Core;

namespace DistillGrpc.Teacher.Rationales;

/// <summary>The Teacher's calls.</summary>
internal sealed class RationaleService(TeacherCatalog catalog, PromptCatalog prompts, RationaleEngine engine, InputInventor inventor) : TeacherService.TeacherServiceBase
{
    public override async Task GenerateRationales(
        IAsyncStreamReader<GenerateRationalesRequest> requestStream, IServerStreamWriter<GenerateRationalesResponse> responseStream, ServerCallContext context)
    {
        var spec = await requestStream.MoveNext(context.CancellationToken) ? requestStream.Current.Spec : null;
        if (spec is null)
        {
            throw RpcFailure.InvalidArgument("spec", "the first message must hold it");
        }

        Check(spec);
        var (name, backend) = catalog.Find(spec.Teacher);
        var query = new RationaleQuery(PromptOf(spec, name, backend), spec.MaxOutputTokens, spec.Temperature, new DateTimeOffset(context.Deadline, TimeSpan.Zero), new CallBudget(spec.BudgetNanos));
        await foreach (var response in engine.AnswerAsync(name, backend, query, spec.StreamText, Inputs(requestStream, context.CancellationToken), context.CancellationToken))
        {
            await responseStream.WriteAsync(response, context.CancellationToken);
        }
    }

    public override async Task InventInputs(InventInputsRequest request, IServerStreamWriter<InventInputsResponse> responseStream, ServerCallContext context)
    {
        await foreach (var response in inventor.InventAsync(request, new DateTimeOffset(context.Deadline, TimeSpan.Zero), context.CancellationToken))
        {
            await responseStream.WriteAsync(response, context.CancellationToken);
        }
    }

    public override Task<ListTeachersResponse> ListTeachers(ListTeachersRequest request, ServerCallContext context)
    {
        var response = new ListTeachersResponse();
        foreach (var (name, backend) in catalog.All)
        {
            var (spent, budget) = backend is PaidTeacher paid ? paid.Spending : (0, 0);
            response.Teachers.Add(new Contracts.V1.Teacher
            {
                Name = name,
                Backend = backend.Kind,
                Model = backend.Model,
                DefaultPrompt = backend.DefaultPrompt?.Name ?? "",
                SpentNanos = spent,
                BudgetNanos = budget,
            });
        }

        return Task.FromResult(response);
    }

    private static void Check(RationaleSpec spec)
    {
        if (spec.HasTemperature && spec.Temperature is not (>= 0 and <= 2))
        {
            throw RpcFailure.InvalidArgument("spec.temperature", "must be between 0 and 2");
        }

        if (spec.BudgetNanos < 0)
        {
            throw RpcFailure.InvalidArgument("spec.budget_nanos", "must not be negative");
        }

        if (spec.MaxOutputTokens < 0)
        {
            throw RpcFailure.InvalidArgument("spec.max_output_tokens", "must not be negative");
        }
    }

    private Prompt? PromptOf(RationaleSpec spec, string teacher, ITeacherBackend backend) =>
        spec.Prompt.Length == 0 ? backend.DefaultPrompt
        : backend.DefaultPrompt is null ? throw RpcFailure.InvalidArgument("spec.prompt", $"{teacher} takes no prompt")
        : prompts.Find(spec.Prompt);

    private static async IAsyncEnumerable<Example> Inputs(
        IAsyncStreamReader<GenerateRationalesRequest> requests, [System.Runtime.CompilerServices.EnumeratorCancellation] CancellationToken cancellationToken)
    {
        while (await requests.MoveNext(cancellationToken))
        {
            yield return requests.Current.Input ?? throw RpcFailure.InvalidArgument("input", "every message after the first must hold one");
        }
    }
}
