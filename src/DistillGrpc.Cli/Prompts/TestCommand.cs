using System.CommandLine;
using DistillGrpc.Cli.Data;
using DistillGrpc.Client;
using DistillGrpc.Contracts.V1;
using DistillGrpc.Teacher.Prompts;
using Grpc.Core;

namespace DistillGrpc.Cli.Prompts;

/// <summary><c>distill prompts test</c>: whether a prompt can show all rows, and what a running Teacher makes of the first.</summary>
internal static class TestCommand
{
    private const int ShownRefusals = 10;

    public static Command Create()
    {
        var prompt = new PromptOptions();
        var data = new DataOptions("Rows to try it on.");
        var rows = new Option<int>("--rows") { Description = "Rows that the Teacher is asked.", DefaultValueFactory = _ => 5 };
        var offline = new Option<bool>("--offline") { Description = "Asks nothing: only checks the file, and that it can show every row." };
        var name = new Option<string>("--name") { Description = "The teacher, teachers/{id}; default the Teacher's.", DefaultValueFactory = _ => "" };
        var teacher = Addresses.Teacher();
        var command = new Command("test", "Checks that a prompt can show every row, and asks a running Teacher for the first. What is wrong is an exit code.") { rows, offline, name, teacher };
        data.AddTo(prompt.AddTo(command));
        command.SetAction((parsed, cancellationToken) => Failures.Guard(
            async () =>
            {
                var tried = prompt.Of(parsed);
                var (asked, problems) = await RenderAsync(tried, data.Of(parsed), parsed.GetValue(offline) ? 0 : parsed.GetValue(rows), cancellationToken);
                if (asked.Count > 0)
                {
                    using var channel = Addresses.Connect("--teacher", parsed.GetValue(teacher)!);
                    try
                    {
                        problems.AddRange(await AskAsync(new TeacherClient(channel), new RationaleSpec { Teacher = parsed.GetValue(name)!, Prompt = tried.Name }, tried, asked, cancellationToken));
                    }
                    catch (RpcException unknown) when (RpcErrors.Reason(unknown) == "PROMPT_NOT_FOUND")
                    {
                        throw new InvalidDataException($"The running Teacher has no {tried.Name}: put the file into its PromptDirectory and start it again, or check it with --offline.", unknown);
                    }
                }

                if (problems.Count > 0)
                {
                    throw new InvalidDataException(string.Join("; ", problems) + ".");
                }
            },
            cancellationToken));
        return command;
    }

    // The first rows that can be shown, and what is wrong.
    private static async Task<(List<Example> Asked, List<string> Problems)> RenderAsync(Prompt prompt, DataSource data, int count, CancellationToken cancellationToken)
    {
        var (rows, refused, tokens, most, asked) = (0L, 0L, 0L, 0L, new List<Example>());
        Console.WriteLine($"{prompt.Name}, SHA-256 {prompt.Hash}");
        await foreach (var row in data.ReadAsync(cancellationToken))
        {
            rows++;
            var rendering = Rendering.Of(prompt, row, PromptUse.Ask);
            if (rendering.Refusal is null)
            {
                (tokens, most) = (tokens + rendering.Tokens, Math.Max(most, rendering.Tokens));
                asked.AddRange(asked.Count < count ? [row] : []);
            }
            else if (++refused <= ShownRefusals)
            {
                Console.WriteLine($"row {row.Id}: {rendering.Refusal}");
            }
        }

        Console.WriteLine($"{rows - refused} of {rows} rows can be shown, with about {(rows > refused ? tokens / (rows - refused) : 0)} tokens each, {most} at most (a quarter of the characters).");
        return (asked, rows == 0 ? [$"{data.Name} holds no rows"] : refused > 0 ? [$"{prompt.Name} cannot show {refused} of {rows} rows"] : []);
    }

    private static async Task<List<string>> AskAsync(TeacherClient teacher, RationaleSpec spec, Prompt prompt, List<Example> asked, CancellationToken cancellationToken)
    {
        var (parsed, labelled, right, isSame) = (0, 0, 0, true);
        await foreach (var response in teacher.GenerateRationalesAsync(spec, asked.ToAsyncEnumerable(), cancellationToken))
        {
            if (response.Result is { } result)
            {
                var row = asked.First(candidate => candidate.Id == result.InputId);
                Console.WriteLine($"\nrow {row.Id}: {result.ParseOutcome}, label '{result.Label}', gold '{row.Label}'\n{(result.Error is { } error ? error.Message : result.RawText)}");
                parsed += result.ParseOutcome == ParseOutcome.Parsed ? 1 : 0;
                labelled += row.Label.Length > 0 ? 1 : 0;
                right += row.Label.Length > 0 && row.Label == result.Label ? 1 : 0;
                isSame &= result.Provenance is not { PromptHash.Length: > 0 } from || from.PromptHash == prompt.Hash;
            }
        }

        Console.WriteLine($"\n{parsed} of {asked.Count} answers could be read{(labelled > 0 ? $", {right} of {labelled} have the gold label" : "")}.");
        return
        [
            .. parsed < asked.Count ? [$"{asked.Count - parsed} of {asked.Count} answers could not be read"] : Array.Empty<string>(),
            .. isSame ? Array.Empty<string>() : [$"the Teacher has another file as {prompt.Name} than this one"],
        ];
    }
}
