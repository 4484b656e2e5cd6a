using System.CommandLine;
using System.Text.Json;
using DistillGrpc.Client;

namespace DistillGrpc.Cli.Operating;

/// <summary><c>distill drain</c>: has a Student take no further requests for answers, and waits for those that it has; or has it take them again.</summary>
internal static class DrainCommand
{
    private const double MaxSeconds = 86_400;

    public static Command Create()
    {
        var wait = new Option<double?>("--wait") { Description = "Seconds to wait for what is inside, 0 to 86400; default until nothing is left." };
        var resume = new Option<bool>("--resume") { Description = "Takes requests again." };
        var json = new Option<bool>("--json") { Description = "Prints one JSON object." };
        var student = Addresses.Student();
        var command = new Command("drain", "Has a Student take no further requests for answers, and waits for those that it has. Training jobs go on. Where some are left the exit code is 1.") { wait, resume, json, student };
        command.SetAction((parsed, cancellationToken) => Failures.Guard(
            async () =>
            {
                using var channel = Addresses.Connect("--student", parsed.GetValue(student)!);
                var (client, isJson) = (new AdminClient(channel), parsed.GetValue(json));
                if (parsed.GetValue(resume))
                {
                    await client.ResumeAsync(cancellationToken);
                    Console.WriteLine(isJson ? JsonSerializer.Serialize(new { draining = false }) : "Requests are taken again.");
                    return;
                }

                var remaining = await client.DrainAsync(WaitOf(parsed.GetValue(wait)), cancellationToken);
                Console.WriteLine(isJson ? JsonSerializer.Serialize(new { draining = true, remaining }) : remaining == 0 ? "Drained: nothing is left inside." : "No further request is taken.");
                if (remaining > 0)
                {
                    throw new InvalidDataException($"{remaining} calls are still inside.");
                }
            },
            cancellationToken));
        return command;
    }

    private static TimeSpan? WaitOf(double? seconds) =>
        seconds is not { } given ? null
        : given is >= 0 and <= MaxSeconds ? TimeSpan.FromSeconds(given)
        : throw new InvalidDataException("--wait: must be 0 to 86400.");
}
