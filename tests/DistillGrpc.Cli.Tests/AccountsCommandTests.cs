using System.Text.Json;
using DistillGrpc.Contracts.V1;
using DistillGrpc.Hosting;
using Grpc.Core;

namespace DistillGrpc.Cli.Tests;

public sealed class AccountsCommandTests
{
    [Fact]
    public async Task Accounts_SeveralPages_AreAllShown()
    {
        await using var teacher = await FakeServices.StartAsync(new Accounts());

        var text = await Distill.RunAsync("accounts", "--teacher", $"{teacher.Address()}");
        var json = await Distill.RunAsync("accounts", "--json", "--teacher", $"{teacher.Address()}");

        Assert.Equal(
            (0, "tags/me: cost 1.5 and 0.02 reserved, 3 answers (10 tokens read, 4 written)\nteachers/gpt: cost 0, 0 answers (0 tokens read, 0 written)\n", ""),
            (text.ExitCode, text.Output, text.Error));
        var accounts = json.Output.TrimEnd().Split('\n').Select(line => JsonDocument.Parse(line).RootElement).ToArray();
        Assert.Equal(["3", "0"], accounts.Select(account => account.GetProperty("answers").GetString()));
    }

    private sealed class Accounts : TeacherService.TeacherServiceBase
    {
        public override Task<ListAccountsResponse> ListAccounts(ListAccountsRequest request, ServerCallContext context) => Task.FromResult(request.PageToken.Length == 0
            ? new ListAccountsResponse
            {
                NextPageToken = "2",
                Accounts = { new Account { Name = "tags/me", Answers = 3, ReservedNanos = 20_000_000, Usage = new Usage { CostNanos = 1_500_000_000, InputTokens = 10, OutputTokens = 4 } } },
            }
            : new ListAccountsResponse { Accounts = { new Account { Name = "teachers/gpt" } } });
    }
}
