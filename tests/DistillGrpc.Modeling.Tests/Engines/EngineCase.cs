using System.Text.Json;

namespace DistillGrpc.Modeling.Tests.Engines;

/// <summary>A case of the fixtures: inputs without padding, and what Hugging Face wrote for them.</summary>
internal sealed class EngineCase
{
    private readonly JsonElement _case;

    private EngineCase(JsonElement fixture) => _case = fixture;

    public static readonly string[] Models = ["t5-tiny-test", "t5v11-tiny-test"];

    public static readonly string[] Names = ["pad", "full", "long", "short", "leftpad"];

    public int[][] Inputs => [.. Rows(_case.GetProperty("input_ids")).Zip(Rows(_case.GetProperty("attention_mask")), (ids, mask) => ids.Where((_, i) => mask[i] == 1).ToArray())];

    // Behind the start id, up to and with the end-of-sequence token.
    public int[][] Greedy => [.. Rows(_case.GetProperty("greedy")).Select(Written)];

    public static string Directory(string model) => Path.Combine(AppContext.BaseDirectory, "Fixtures", model, "checkpoint");

    public static EngineCase Read(string model, string name)
    {
        var file = File.ReadAllText(Path.Combine(AppContext.BaseDirectory, "Fixtures", model, "cases.json"));
        return new EngineCase(JsonDocument.Parse(file).RootElement.GetProperty("cases").GetProperty(name));
    }

    // For every input its n best, best first.
    public (int[] Tokens, double Score)[][] Beams(string variant)
    {
        var fixture = _case.GetProperty(variant);
        var scores = fixture.GetProperty("sequences_scores").EnumerateArray().Select(score => score.GetDouble());
        var answers = Rows(fixture.GetProperty("sequences")).Select(Written).Zip(scores).ToArray();
        return [.. answers.Chunk(answers.Length / Inputs.Length)];
    }

    private static int[] Written(int[] row)
    {
        var end = Array.IndexOf(row, 1);
        return end < 0 ? row[1..] : row[1..(end + 1)];
    }

    private static int[][] Rows(JsonElement rows) => [.. rows.EnumerateArray().Select(row => row.EnumerateArray().Select(id => id.GetInt32()).ToArray())];
}
