using System.CommandLine;

namespace DistillGrpc.Cli.Datasets;

/// <summary><c>distill datasets collect</c>: what a model was not sure of, and the Teacher has answered, becomes a dataset.</summary>
internal static class CollectCommand
{
    private const string Collection = "models/";

    public static Command Create(Option<string> student)
    {
        var model = new Argument<string>("model") { Description = "The model, models/{id} or its id." };
        var name = new Option<string>("--name") { Description = "What people call the dataset; default the model's id with -escalated.", DefaultValueFactory = _ => "" };
        var json = DatasetsCommand.Json();
        return DatasetsCommand.Run(
            new Command("collect", "Makes a dataset of the rows that the Teacher has answered instead of a model (distill classify --escalate), where the Student keeps them (setting KeepEscalated).") { model, name, json },
            student,
            async (client, parsed, cancellationToken) =>
            {
                var given = parsed.GetValue(model)!;
                var dataset = await client.CollectEscalationsAsync(given.StartsWith(Collection, StringComparison.Ordinal) ? given : Collection + given, parsed.GetValue(name)!, cancellationToken);
                Console.WriteLine(parsed.GetValue(json) ? ProtoJson.Text(dataset) : DatasetText.Line(dataset));
            });
    }
}
