using System.CommandLine;
using System.Text.Encodings.Web;
using System.Text.Json;
using DistillGrpc.Cli.Data;
using DistillGrpc.Teacher.Prompts;

namespace DistillGrpc.Cli.Prompts;

/// <summary><c>distill prompts render</c>: the conversation exactly as it would be sent, without a server and without asking anything.</summary>
internal static class RenderCommand
{
    private static readonly JsonSerializerOptions Json = new() { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    public static Command Create()
    {
        var prompt = new PromptOptions();
        var data = new DataOptions("Rows to show.");
        var rows = new Option<int>("--rows") { Description = "Rows that are shown.", DefaultValueFactory = _ => 1 };
        var rationalize = new Option<bool>("--rationalize") { Description = "Shows how the reason for the gold label is asked." };
        var json = new Option<bool>("--json") { Description = "Prints a JSON object for each row." };
        var command = new Command("render", "Prints the conversation exactly as it would be sent. Asks nothing, and needs no server.") { rows, rationalize, json };
        data.AddTo(prompt.AddTo(command));
        command.SetAction((parsed, cancellationToken) => Failures.Guard(
            () => RunAsync(
                prompt.Of(parsed), data.Of(parsed), parsed.GetValue(rows), parsed.GetValue(rationalize) ? PromptUse.Rationalize : PromptUse.Ask, parsed.GetValue(json), cancellationToken),
            cancellationToken));
        return command;
    }

    private static async Task RunAsync(Prompt prompt, DataSource data, int count, PromptUse use, bool json, CancellationToken cancellationToken)
    {
        if (!json)
        {
            Console.WriteLine($"{prompt.Name}, SHA-256 {prompt.Hash}");
        }

        await foreach (var row in data.ReadAsync(cancellationToken).Take(count))
        {
            var rendering = Rendering.Of(prompt, row, use);
            if (rendering.Refusal is { } refusal)
            {
                throw new InvalidDataException($"row {row.Id}: {refusal}");
            }

            Console.WriteLine(json
                ? JsonSerializer.Serialize(
                    new { id = row.Id, prompt = prompt.Name, promptHash = prompt.Hash, messages = rendering.Turns.Select(turn => new { role = turn.Role.Value, content = turn.Text }), aboutTokens = rendering.Tokens }, Json)
                : $"\nrow {row.Id}, about {rendering.Tokens} tokens (a quarter of the characters)\n{string.Join('\n', rendering.Turns.Select(turn => $"[{turn.Role.Value}]\n{turn.Text}"))}");
        }
    }
}
