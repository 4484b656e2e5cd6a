using DistillGrpc.Contracts.V1;
using DistillGrpc.Student.Models;

namespace DistillGrpc.Student.Tests.Fuzzing;

/// <summary>The Student's own files beside a model's weights, damaged by somebody: each is read, or refused as its reader says.</summary>
public sealed class ModelFolderFuzzTests : IDisposable
{
    private const int Rounds = 1500;
    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void Card_Damaged_LacksNothingOrIsRefused()
    {
        const string Whole = """{"label_prefix":"[label] ","rationale_prefix":"[rationale] ","max_input_tokens":512,"form":"separate","lacks_rationales":false,"explains_given_label":true,"teacher":"teachers/x","prompt":"prompts/y","labels":["no","yes"],"reading":{"telling_labels":["yes"],"least_probability":0.5,"place":{"before":"so ","after":"."}}}""";
        RefusesOnly(51, ModelCard.File, Whole, () =>
        {
            var card = ModelCard.Read(_folder.Path);
            Assert.InRange(card.LabelPrefix.Length + card.RationalePrefix.Length, 0, 2 * ModelCard.MaxPrefixLength);
            Assert.All(card.Labels.Concat(card.Reading?.TellingLabels ?? []), label => Assert.NotEmpty(label));
            Assert.All(new[] { card.Teacher, card.Prompt }, name => Assert.NotNull(name));
        });
    }

    [Fact]
    public void Index_Damaged_HasNumbersOfVersionsOrIsRefused() => RefusesOnly(52, "model.json", """{"last":3,"aliases":{"stable":2,"canary":3},"traffic":{"canary_alias":"canary","canary_percent":10,"shadow_alias":"shadow","shadow_percent":5}}""", () =>
    {
        var index = new ModelFolder(_folder.Path);
        Assert.All(index.Aliases, alias => Assert.InRange(alias.Value, 1, int.MaxValue));
        Assert.NotNull($"{index.Traffic}");
    });

    [Theory]
    [InlineData("int8")]
    [InlineData("calibration")]
    [InlineData("lineage")]
    public void Record_Damaged_IsOfNoUseAndThrowsNothing(string kind)
    {
        File.WriteAllBytes(Path.Combine(_folder.Path, "model.safetensors"), [1, 2, 3]);
        var (file, whole) = kind switch
        {
            "int8" => (Int8Record.File, new Int8Check { Rows = 200, EqualLabels = 200, RationaleRows = 200, Float32RationaleLoss = 1, Int8RationaleLoss = 1, Weights = "w" }.ToString()),
            "calibration" => (CalibrationRecord.File, new Calibration { Temperature = 1.5, Weights = "w" }.ToString()),
            _ => ("lineage.json", new ModelLineage { Job = "trainingJobs/x" }.ToString()),
        };
        var mutator = new Mutator(53);
        for (var round = 0; round < Rounds; round++)
        {
            File.WriteAllBytes(Path.Combine(_folder.Path, file), mutator.DamageJson(whole));
            // None is of these weights.
            Assert.NotEqual(true, Int8Record.Of(_folder.Path)?.Passed);
            Assert.NotEqual("", CalibrationRecord.Of(_folder.Path)?.Refusal);
            _ = ModelFolder.LineageOf(_folder.Path);
        }
    }

    private void RefusesOnly(int seed, string file, string whole, Action read)
    {
        var (mutator, refused) = (new Mutator(seed), 0);
        for (var round = 0; round < Rounds; round++)
        {
            File.WriteAllBytes(Path.Combine(_folder.Path, file), mutator.DamageJson(whole));
            var failure = Record.Exception(read);
            Assert.True(failure is null or InvalidDataException, $"round {round}: {failure}");
            refused += failure is null ? 0 : 1;
        }

        Assert.InRange(refused, Rounds / 20, Rounds - 1);
    }
}
