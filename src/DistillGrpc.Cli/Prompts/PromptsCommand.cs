using System.CommandLine;
using System.Text.Json;
using DistillGrpc.Teacher.Prompts;

namespace DistillGrpc.Cli.Prompts;

/// <summary><c>distill prompts</c>: looks at prompts before anything is paid.</summary>
internal static class PromptsCommand
{
    public static Command Create() => new("prompts", "Looks at prompts before anything is paid.") { List(), RenderCommand.Create(), TestCommand.Create() };

    private static Command List()
    {
        var directory = PromptOptions.Directory();
        var json = new Option<bool>("--json") { Description = "Prints one JSON object." };
        var command = new Command("list", "Lists the prompts that come with the Teacher, and your own.") { directory, json };
        command.SetAction((parsed, cancellationToken) => Failures.Guard(
            () =>
            {
                var prompts = PromptCatalog.Load(parsed.GetValue(directory)!).All.ToArray();
                if (parsed.GetValue(json))
                {
                    Console.WriteLine(JsonSerializer.Serialize(new { prompts = prompts.Select(prompt => new { name = prompt.Name, answers = Answers(prompt), hash = prompt.Hash }) }));
                }
                else
                {
                    Array.ForEach(prompts, prompt => Console.WriteLine($"{prompt.Name,-24} {Answers(prompt),-16} SHA-256 {prompt.Hash[..12]}"));
                }

                return Task.CompletedTask;
            },
            cancellationToken));
        return command;
    }

    private static string Answers(Prompt prompt) => JsonNamingPolicy.CamelCase.ConvertName($"{prompt.Format.Form}");
}
