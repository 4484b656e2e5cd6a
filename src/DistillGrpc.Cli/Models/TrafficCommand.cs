using System.CommandLine;
using DistillGrpc.Contracts.V1;

namespace DistillGrpc.Cli.Models;

/// <summary><c>distill models traffic</c>: how a model's requests are divided among its versions.</summary>
internal static class TrafficCommand
{
    public static Command Create(Option<string> student, Argument<string> name)
    {
        var canaryPercent = new Option<double?>("--canary-percent") { Description = "The share of the requests that the canary gets, 0 to 100." };
        var canaryAlias = new Option<string?>("--canary-alias") { Description = "The alias of the canary; default 'canary'." };
        var shadowPercent = new Option<double?>("--shadow-percent") { Description = "The share of the requests that the shadow answers besides, 0 to 100; its labels are compared." };
        var shadowAlias = new Option<string?>("--shadow-alias") { Description = "The alias of the shadow; default 'shadow'." };
        return ModelsCommand.Of(
            student,
            "traffic",
            "Divides the requests under a model's name among its versions; without an option it shows how they are. What is not given stays.",
            [name, canaryPercent, canaryAlias, shadowPercent, shadowAlias],
            async (client, parsed, json, cancellationToken) =>
            {
                var model = await client.GetAsync(ModelsCommand.Name(parsed.GetValue(name)!), cancellationToken);
                if (new Option[] { canaryPercent, canaryAlias, shadowPercent, shadowAlias }.Any(option => parsed.GetResult(option) is not null))
                {
                    var traffic = model.Traffic ?? new ModelTraffic();
                    traffic.CanaryPercent = parsed.GetValue(canaryPercent) ?? traffic.CanaryPercent;
                    traffic.CanaryAlias = parsed.GetValue(canaryAlias) ?? traffic.CanaryAlias;
                    traffic.ShadowPercent = parsed.GetValue(shadowPercent) ?? traffic.ShadowPercent;
                    traffic.ShadowAlias = parsed.GetValue(shadowAlias) ?? traffic.ShadowAlias;
                    model = await client.SetTrafficAsync(model.Name, traffic, cancellationToken);
                }

                Console.WriteLine(json ? ProtoJson.Text(model) : $"{model.Name}: {TrafficText.Of(model)}");
            });
    }
}
