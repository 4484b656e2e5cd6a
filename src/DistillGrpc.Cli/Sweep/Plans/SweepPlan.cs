namespace DistillGrpc.Cli.Sweep.Plans;

/// <summary>What is compared: every variant with every dataset, student, label source, fraction and seed.</summary>
/// <param name="Name">1 to 24 of a-z, 0-9 and '-', a letter first; the ids of jobs and models begin with it.</param>
/// <param name="Datasets">Rows to learn from, for instance the same ones as several teachers taught them.</param>
/// <param name="Evaluation">The held-out rows; nothing is chosen by them.</param>
/// <param name="Fractions">Parts of the rows, each within the next larger one.</param>
/// <param name="Seeds">Of initialisation, order and dropout; the rows of a fraction are the same for all of them.</param>
/// <param name="Students">Presets, or models that the Student has.</param>
/// <param name="Labels"><c>gold</c>, <c>teacher</c>, <c>gold-else-teacher</c>.</param>
/// <param name="Compute">What label only is given.</param>
/// <param name="GroupBy">Which rows stay in one part, as <c>distill datasets split</c> has it.</param>
/// <param name="SplitSeed">Decides which rows belong to which part.</param>
/// <param name="Spec">What all runs have in common.</param>
/// <param name="Variants">What is compared.</param>
/// <param name="Tuning">How each variant's settings are chosen; null where they are given.</param>
internal sealed record SweepPlan(
    string Name, IReadOnlyList<NamedDataset> Datasets, string Evaluation, IReadOnlyList<double> Fractions, IReadOnlyList<long> Seeds, IReadOnlyList<string> Students,
    IReadOnlyList<string> Labels, Compute Compute, string GroupBy, long SplitSeed, SpecFields Spec, IReadOnlyList<Variant> Variants, Tuning? Tuning)
{
    /// <summary>What the others are compared with: the first that learns labels alone, else the first.</summary>
    public Variant Baseline => Variants.FirstOrDefault(variant => variant.IsLabelOnly) ?? Variants[0];

    /// <summary>Whose compute label only is given: step by step, else the first that learns more than labels. Null where there is none, or it is not wanted.</summary>
    public Variant? Reference => Compute == Compute.EqualSteps
        ? null
        : Variants.FirstOrDefault(variant => variant.Name == BuiltInVariants.StepByStep) ?? Variants.FirstOrDefault(variant => !variant.IsLabelOnly);

    /// <summary>Whether a variant goes on after its steps until it has used as much compute as the reference.</summary>
    public bool HasBudget(Variant variant) => variant.IsLabelOnly && Reference is not null;
}

/// <summary>A dataset, and what pictures and tables call it.</summary>
internal sealed record NamedDataset(string Name, string Dataset);

/// <summary>What label only is given beside the variants that learn more.</summary>
internal enum Compute
{
    /// <summary>As many label steps.</summary>
    EqualSteps,

    /// <summary>As many floating point operations.</summary>
    EqualCompute,

    /// <summary>Both, one after the other in one run.</summary>
    Both,
}

/// <summary>How each variant's settings are chosen: the same points for all of them, on rows that are taken away from those that are learnt from.</summary>
/// <param name="Development">Share of the rows that settings are chosen by; nobody learns from them.</param>
/// <param name="Points">The settings that are tried.</param>
internal sealed record Tuning(double Development, IReadOnlyList<SpecFields> Points);
