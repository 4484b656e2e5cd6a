using System.CommandLine;
using System.Globalization;
using System.Text.Json;
using DistillGrpc.Client;
using DistillGrpc.Contracts.V1;

namespace DistillGrpc.Cli.Models;

/// <summary><c>distill models</c>: the models of a Student, their versions and aliases, and their files.</summary>
internal static class ModelsCommand
{
    private const string Collection = "models/";

    public static Command Create()
    {
        // Also before the verb.
        var student = Addresses.Student();
        student.Recursive = true;
        var name = new Argument<string>("name") { Description = "The model, models/{id} or its id; for a version models/{id}/versions/{number} or models/{id}@{alias}." };
        var alias = new Argument<string>("alias") { Description = "The alias; 'stable' answers under the model's name." };
        var folder = new Argument<string>("folder") { Description = "The folder: what transformers loads, and saves." };
        var uploadAlias = new Option<string>("--alias") { Description = "The alias that the new version gets.", DefaultValueFactory = _ => "stable" };
        return new Command("models", "Looks at a Student's models, says which version answers, and moves them.")
        {
            student,
            Of(student, "list", "Lists the models with their versions.", [], (client, parsed, json, cancellationToken) => ListAsync(client, json, cancellationToken)),
            Of(student, "get", "Shows a model: its versions, aliases, and where they come from.", [name], async (client, parsed, json, cancellationToken) =>
                Print(await client.GetAsync(Name(parsed.GetValue(name)!), cancellationToken), json)),
            Of(student, "alias", "Gives an alias to a version; it answers under it from then on.", [name, alias], async (client, parsed, json, cancellationToken) =>
                Print(await client.SetAliasAsync(Name(parsed.GetValue(name)!), parsed.GetValue(alias)!, cancellationToken), json)),
            Of(student, "unalias", "Takes an alias away; a version without any is unloaded.", [name, alias], async (client, parsed, json, cancellationToken) =>
                Print(await client.DeleteAliasAsync(Name(parsed.GetValue(name)!), parsed.GetValue(alias)!, cancellationToken), json)),
            Of(student, "load", "Loads a version, also one without an alias; it answers under its own name until it is unloaded, or the Student stops.", [name], async (client, parsed, json, cancellationToken) =>
                Print(await client.LoadVersionAsync(Name(parsed.GetValue(name)!), cancellationToken), json)),
            Of(student, "unload", "Answers what waits for a version that has no alias, and gives its memory back.", [name], async (client, parsed, json, cancellationToken) =>
                Print(await client.UnloadVersionAsync(Name(parsed.GetValue(name)!), cancellationToken), json)),
            TrafficCommand.Create(student, name),
            Of(student, "delete", "Removes a version that has no alias, or a model with all its versions.", [name], (client, parsed, json, cancellationToken) =>
                DeleteAsync(client, Name(parsed.GetValue(name)!), json, cancellationToken)),
            Of(student, "download", "Writes a version's files into a folder that is not there yet.", [name, folder], (client, parsed, json, cancellationToken) =>
                DownloadAsync(client, Name(parsed.GetValue(name)!), parsed.GetValue(folder)!, json, cancellationToken)),
            Of(student, "upload", "Makes a version from a folder: one that was downloaded, or a T5 that transformers saved.", [name, folder, uploadAlias], (client, parsed, json, cancellationToken) =>
                UploadAsync(client, Name(parsed.GetValue(name)!), parsed.GetValue(folder)!, parsed.GetValue(uploadAlias)!, json, cancellationToken)),
        };
    }

    public static Command Of(Option<string> student, string verb, string description, Symbol[] symbols, Func<ModelClient, ParseResult, bool, CancellationToken, Task> run)
    {
        var json = new Option<bool>("--json") { Description = "Prints JSON, an object on a line." };
        var command = new Command(verb, description) { json };
        foreach (var symbol in symbols)
        {
            if (symbol is Argument argument)
            {
                command.Arguments.Add(argument);
            }
            else
            {
                command.Options.Add((Option)symbol);
            }
        }

        command.SetAction((parsed, cancellationToken) => Failures.Guard(
            async () =>
            {
                using var channel = Addresses.Connect("--student", parsed.GetValue(student)!);
                await run(new ModelClient(channel), parsed, parsed.GetValue(json), cancellationToken);
            },
            cancellationToken));
        return command;
    }

    public static void Print(Model model, bool isJson)
    {
        if (isJson)
        {
            Console.WriteLine(ProtoJson.Text(model));
            return;
        }

        Console.WriteLine($"{model.Name} {model.State}{(model.Failure.Length > 0 ? $": {model.Failure}" : "")}{(model.Parameters > 0 ? string.Create(CultureInfo.InvariantCulture, $", {model.Parameters:n0} parameters") : "")}");
        if (model.Traffic is not null)
        {
            Console.WriteLine($"  {TrafficText.Of(model)}");
        }

        foreach (var version in model.Versions)
        {
            var number = int.Parse(version.Name[(version.Name.LastIndexOf('/') + 1)..], CultureInfo.InvariantCulture);
            var aliases = string.Join(", ", model.Aliases.Where(alias => alias.Value == number).Select(alias => alias.Key).Order(StringComparer.Ordinal));
            Console.WriteLine($"  {version.Name}{(aliases.Length > 0 ? $" ({aliases})" : "")} {version.State}{(version.Pinned ? ", pinned" : "")}{Origin(version)}");
            if (version.Engine.Length > 0)
            {
                Console.WriteLine($"    answers with {version.Engine}{(version.Int8Refusal.Length > 0 ? $", not in int8: {version.Int8Refusal}" : "")}");
            }

            if (version.Int8Check is { } check)
            {
                Console.WriteLine($"    int8 beside float32: {Int8Text.Of(check)}");
            }

            if (version.Calibration is { } calibration)
            {
                Console.WriteLine($"    calibration: {CalibrationText.Of(calibration)}");
            }
        }
    }

    private static string Origin(ModelVersion version) => version.Lineage is not { } lineage
        ? ""
        : $", {lineage.Job}, {lineage.Rows} rows of {lineage.Dataset}, {lineage.Steps} steps{(lineage.EvaluationRows > 0 ? $", {lineage.EvaluationCorrect} of {lineage.EvaluationRows} right" : "")}";

    private static async Task ListAsync(ModelClient client, bool json, CancellationToken cancellationToken)
    {
        foreach (var model in await client.ListAsync(cancellationToken))
        {
            Print(model, json);
        }
    }

    private static async Task DeleteAsync(ModelClient client, string gone, bool json, CancellationToken cancellationToken)
    {
        await (gone.Contains("/versions/", StringComparison.Ordinal) ? client.DeleteVersionAsync(gone, cancellationToken) : client.DeleteAsync(gone, cancellationToken));
        Console.WriteLine(json ? JsonSerializer.Serialize(new { deleted = gone }) : $"{gone} is deleted.");
    }

    private static async Task DownloadAsync(ModelClient client, string name, string folder, bool json, CancellationToken cancellationToken)
    {
        var version = await client.DownloadAsync(name, folder, cancellationToken);
        Console.WriteLine(json ? JsonSerializer.Serialize(new { version, folder }) : $"{version} is in {folder}.");
    }

    private static async Task UploadAsync(ModelClient client, string name, string folder, string alias, bool json, CancellationToken cancellationToken)
    {
        var uploaded = Directory.Exists(folder) ? await client.UploadAsync(name, folder, alias, cancellationToken) : throw new InvalidDataException($"There is no folder '{folder}'.");
        Console.WriteLine(json ? ProtoJson.Text(uploaded) : $"{uploaded.Version} answers as {alias}.");
    }

    public static string Name(string given) => given.StartsWith(Collection, StringComparison.Ordinal) ? given : Collection + given;
}
