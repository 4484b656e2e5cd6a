using System.CommandLine;
using System.Globalization;
using DistillGrpc.Client;
using DistillGrpc.Contracts.V1;

namespace DistillGrpc.Cli;

/// <summary><c>distill accounts</c>: what was spent, by teacher, job and tag.</summary>
internal static class AccountsCommand
{
    public static Command Create()
    {
        var json = new Option<bool>("--json") { Description = "Prints the contract's messages as JSON, in camelCase and with defaults, an object on a line." };
        var teacher = Addresses.Teacher();
        var command = new Command("accounts", "Shows what a Teacher's teachers, jobs and tags have cost.") { json, teacher };
        command.SetAction((parsed, cancellationToken) => Failures.Guard(
            async () =>
            {
                using var channel = Addresses.Connect("--teacher", parsed.GetValue(teacher)!);
                var isJson = parsed.GetValue(json);
                await foreach (var account in new TeacherClient(channel).ListAccountsAsync(cancellationToken))
                {
                    Console.WriteLine(isJson ? ProtoJson.Text(account) : Text(account));
                }
            },
            cancellationToken));
        return command;
    }

    private static string Text(Account account)
    {
        var usage = account.Usage ?? new Usage();
        return string.Create(
            CultureInfo.InvariantCulture,
            $"{account.Name}: cost {Money.Text(usage.CostNanos)}{(account.ReservedNanos > 0 ? $" and {Money.Text(account.ReservedNanos)} reserved" : "")}, {account.Answers} answers ({usage.InputTokens} tokens read, {usage.OutputTokens} written)");
    }
}
