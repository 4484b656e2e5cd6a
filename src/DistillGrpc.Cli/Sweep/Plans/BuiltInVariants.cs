using DistillGrpc.Contracts.V1;

namespace DistillGrpc.Cli.Sweep.Plans;

/// <summary>Variants that a plan may name without saying what they are.</summary>
internal static class BuiltInVariants
{
    public const string StepByStep = "step-by-step";

    private static readonly (string Name, TrainingSpec Spec)[] All =
    [
        ("label-only", new TrainingSpec { Mode = TrainingMode.LabelOnly }),
        (StepByStep, Tasks()),
        ("rationale-then-label", new TrainingSpec { Mode = TrainingMode.RationaleThenLabel }),
        ("label-from-rationale", new TrainingSpec { Mode = TrainingMode.LabelFromRationale }),
        ("shuffled-rationales", Tasks(spec => spec.ShuffleRationales = true)),
        ("correct-only", Tasks(spec => spec.TeacherCorrectOnly = true)),
        ("decoder-prefix", Tasks(spec => spec.PrefixPlacement = PrefixPlacement.Decoder)),
        ("explained-label", Tasks(spec => spec.ExplainedLabelWeight = 1)),
        ("decoder-prefix-explained", Tasks(spec => (spec.PrefixPlacement, spec.ExplainedLabelWeight) = (PrefixPlacement.Decoder, 1))),
        ("mutual-information", Tasks(spec => spec.MutualInformation = 0.1)),
        ("soft-labels", Tasks(spec => spec.SoftLabels = new SoftLabels { Weight = 0.5 })),
    ];

    /// <summary>What there is.</summary>
    public static IEnumerable<string> Names => All.Select(variant => variant.Name);

    /// <summary>The variant of a name.</summary>
    /// <exception cref="InvalidDataException">There is none.</exception>
    public static Variant Of(string name) => All.FirstOrDefault(variant => variant.Name == name) is { Spec: { } spec }
        ? new Variant(name, SpecFields.Of(spec))
        : throw new InvalidDataException($"there is no variant '{name}'; there are {string.Join(", ", Names)}");

    private static TrainingSpec Tasks(Action<TrainingSpec>? set = null)
    {
        var spec = new TrainingSpec { Mode = TrainingMode.DistillingStepByStep };
        set?.Invoke(spec);
        return spec;
    }
}
