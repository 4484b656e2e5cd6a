using DistillGrpc.Contracts.V1;
using DistillGrpc.Hosting;
using DistillGrpc.Teacher.Backends;
using DistillGrpc.Teacher.Explaining;
using DistillGrpc.Teacher.Inventing;
using DistillGrpc.Teacher.Spending;
using Grpc.Core;

namespace DistillGrpc.Teacher.Rationales;

/// <summary>The Teacher's calls.</summary>
internal sealed class RationaleService(TeacherCatalog catalog, Planner planner, RationaleEngine engine, InputInventor inventor, Ledger ledger) : TeacherService.TeacherServiceBase
{
    public override async Task GenerateRationales(
        IAsyncStreamReader<GenerateRationalesRequest> requestStream, IServerStreamWriter<GenerateRationalesResponse> responseStream, ServerCallContext context)
    {
        var spec = await requestStream.MoveNext(context.CancellationToken) ? requestStream.Current.Spec : null;
        if (spec is null)
        {
            throw RpcFailure.InvalidArgument("spec", "the first message must hold it");
        }

        var owed = OwedAnswers.Of(context);
        var plan = planner.Of(spec, new DateTimeOffset(context.Deadline, TimeSpan.Zero));
        await foreach (var response in engine.AnswerAsync(plan, spec.StreamText, Inputs(requestStream, owed, context.CancellationToken), context.CancellationToken))
        {
            await responseStream.WriteAsync(response, context.CancellationToken);
            if (response.Result is not null)
            {
                owed.Remove();
            }
        }
    }

    public override async Task InventInputs(InventInputsRequest request, IServerStreamWriter<InventInputsResponse> responseStream, ServerCallContext context)
    {
        await foreach (var response in inventor.InventAsync(request, new DateTimeOffset(context.Deadline, TimeSpan.Zero), context.CancellationToken))
        {
            await responseStream.WriteAsync(response, context.CancellationToken);
        }
    }

    public override async Task<ListTeachersResponse> ListTeachers(ListTeachersRequest request, ServerCallContext context)
    {
        var response = new ListTeachersResponse();
        foreach (var (name, backend, permits) in catalog.All)
        {
            var (spent, budget) = backend is PaidTeacher paid ? await paid.SpendingAsync(context.CancellationToken) : (0, 0);
            response.Teachers.Add(new Contracts.V1.Teacher
            {
                Name = name,
                Backend = backend.Kind,
                Model = backend.Model,
                DefaultPrompt = backend.DefaultPrompt?.Name ?? "",
                SpentNanos = spent,
                BudgetNanos = budget,
                PermitsDistillation = permits,
                Trouble = backend.Trouble,
            });
        }

        return response;
    }

    public override async Task<ListAccountsResponse> ListAccounts(ListAccountsRequest request, ServerCallContext context)
    {
        var size = PageSize.Of(request.PageSize);
        var accounts = await ledger.ListAsync(request.PageToken, size + 1, context.CancellationToken);
        var response = new ListAccountsResponse { NextPageToken = accounts.Count > size ? accounts[size - 1].Name : "" };
        response.Accounts.AddRange(accounts.Take(size).Select(account => new Account
        {
            Name = account.Name,
            Usage = account.ToUsage(),
            Answers = account.Answers,
            ReservedNanos = account.Reserved,
        }));
        return response;
    }

    private static async IAsyncEnumerable<Example> Inputs(
        IAsyncStreamReader<GenerateRationalesRequest> requests, OwedAnswers owed, [System.Runtime.CompilerServices.EnumeratorCancellation] CancellationToken cancellationToken)
    {
        while (await requests.MoveNext(cancellationToken))
        {
            owed.Add();
            yield return requests.Current.Input ?? throw RpcFailure.InvalidArgument("input", "every message after the first must hold one");
        }
    }
}
