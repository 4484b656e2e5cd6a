using System.CommandLine;
using DistillGrpc.Contracts.V1;

namespace DistillGrpc.Cli.Training;

/// <summary>The options that say what a student learns from its rows, and at what cost. Those that are not given leave the Student's default.</summary>
internal sealed class ModeOptions
{
    private readonly List<(Option Option, Action<ParseResult, TrainingSpec> Set)> _options = [];

    public ModeOptions()
    {
        Choice("--prefix-on", "Where a task's prefix stands; on the decoder label and rationale share one reading of the input.", ("encoder", PrefixPlacement.Encoder), ("decoder", PrefixPlacement.Decoder), (spec, place) => spec.PrefixPlacement = place);
        Number("--explain-given-label", "Weight of a third task: the rationale of a given label, so that an answer is explained, not the input.", (spec, weight) => spec.ExplainedLabelWeight = weight);
        Number("--mutual-information", "Weight of the mutual-information term (arXiv 2403.03348, there 0.1).", (spec, weight) => spec.MutualInformation = weight);
        Number("--soft-labels", "Weight of the teacher's distribution against the hard label, above 0.", (spec, weight) => Soft(spec).Weight = weight);
        Choice("--soft-kind", "With --soft-labels: the distribution over labels, or over tokens.", ("labels", SoftLabelKind.Labels), ("tokens", SoftLabelKind.Tokens), (spec, kind) => Soft(spec).Kind = kind);
        Number("--soft-temperature", "With --soft-labels: the temperature.", (spec, temperature) => Soft(spec).Temperature = temperature);
        Text("--local-teacher", "A T5 of the Student's, models/ID, that teaches by its hidden states and distributions; an earlier version of itself is self-distillation.", (spec, model) => Local(spec).Model = model);
        Number("--logit-weight", "With --local-teacher: weight of its token distributions.", (spec, weight) => Local(spec).LogitWeight = weight);
        Number("--hidden-weight", "With --local-teacher: weight of its hidden states.", (spec, weight) => Local(spec).HiddenWeight = weight);
        Number("--local-temperature", "With --local-teacher: the temperature.", (spec, temperature) => Local(spec).Temperature = temperature);
        Flag("--shuffle-rationales", "A control: every row gets another row's rationale.", spec => spec.ShuffleRationales = true);
        Flag("--correct-only", "A control: rationales only from rows whose teacher's label is the gold one.", spec => spec.TeacherCorrectOnly = true);
        Count("--rationales", "Rationales of a row that are learnt from, where the teacher gave several.", (spec, count) => spec.RationalesPerRow = count);
        Choice("--loss-mean", "Over what a task's loss is a mean.", ("tokens", LossMean.Tokens), ("examples", LossMean.Examples), (spec, mean) => spec.LossMean = mean);
        Number("--label-smoothing", "Share of every target's probability that is spread over the vocabulary.", (spec, share) => spec.LabelSmoothing = share);
        Count("--accumulate", "Cuts every batch into so many parts, to save memory.", (spec, parts) => spec.AccumulationSteps = parts);
        Flag("--bfloat16", "Computes in bfloat16, with float32 parameters.", spec => spec.Bfloat16 = true);
        Flag("--recompute-blocks", "Computes blocks again in the backward pass, to save memory.", spec => spec.RecomputeBlocks = true);
        Texts("--freeze", "Parameters that do not learn, by name, as in 'encoder.*'.", (spec, patterns) => spec.FrozenParameters.AddRange(patterns));
        Count("--bucket-batches", "Sorts so many batches' worth of rows by length, to save padding.", (spec, batches) => spec.BucketBatches = batches);
        Count("--batch-tokens", "Most tokens of a batch, padding included.", (spec, tokens) => spec.BatchTokens = tokens);
        Count("--warmup-steps", "Steps over which the learning rate rises.", (spec, steps) => spec.WarmupSteps = steps);
        Number("--weight-decay", "Decoupled weight decay.", (spec, decay) => spec.WeightDecay = decay);
        Number("--clip-norm", "Gradients are scaled down to this norm.", (spec, norm) => spec.ClipNorm = norm);
        Count("--max-input-tokens", "Inputs are cut after so many tokens.", (spec, tokens) => spec.MaxInputTokens = tokens);
        Count("--max-target-tokens", "Targets are cut after so many tokens.", (spec, tokens) => spec.MaxTargetTokens = tokens);
        Count("--vocabulary-size", "Pieces of the vocabulary that is built where --from is a size.", (spec, size) => spec.VocabularySize = size);
        Flag("--no-baseline", "Does not train a second student on the labels alone, for comparison.", spec => Report(spec).SkipBaseline = true);
        Flag("--simulatability", "Measures how well an answer can be read back from its explanation.", spec => Report(spec).Simulatability = true);
        Text("--teacher", "Whom the Student's Teacher asks, teachers/ID.", (spec, teacher) => spec.Teacher.Teacher = teacher);
        Text("--prompt", "The prompt of its questions, prompts/ID.", (spec, prompt) => spec.Teacher.Prompt = prompt);
        Count("--start-after", "Begins when so many rows are explained, and goes on while others arrive.", (spec, rows) => spec.Teacher.StartAfterRows = rows);
        Count("--invent", "Has the teacher invent so many inputs, besides those that there are.", (spec, count) => Invented(spec).Count = count);
        Text("--invent-for", "With --invent: what the inputs are for, as one would tell a person.", (spec, task) => Invented(spec).TaskDescription = task);
        Texts("--invent-labels", "With --invent: the task's labels.", (spec, labels) => Invented(spec).Labels.AddRange(labels));
    }

    public void AddTo(Command command)
    {
        foreach (var (option, _) in _options)
        {
            command.Options.Add(option);
        }
    }

    /// <summary>Puts what was given into a spec that has a teacher.</summary>
    public void Set(ParseResult parsed, TrainingSpec spec)
    {
        foreach (var (option, set) in _options.Where(option => parsed.GetResult(option.Option) is { Implicit: false }))
        {
            set(parsed, spec);
        }
    }

    private static SoftLabels Soft(TrainingSpec spec) => spec.SoftLabels ??= new SoftLabels();

    private static LocalTeacher Local(TrainingSpec spec) => spec.LocalTeacher ??= new LocalTeacher();

    private static ReportOptions Report(TrainingSpec spec) => spec.Report ??= new ReportOptions();

    private static InventedInputs Invented(TrainingSpec spec) => spec.Teacher.Invented ??= new InventedInputs();

    private void Number(string name, string description, Action<TrainingSpec, double> set) => Add(new Option<double>(name) { Description = description }, set);

    private void Count(string name, string description, Action<TrainingSpec, int> set) => Add(new Option<int>(name) { Description = description }, set);

    private void Text(string name, string description, Action<TrainingSpec, string> set) => Add(new Option<string>(name) { Description = description }, set);

    private void Texts(string name, string description, Action<TrainingSpec, string[]> set) =>
        Add(new Option<string[]>(name) { Description = description, AllowMultipleArgumentsPerToken = true }, set);

    private void Flag(string name, string description, Action<TrainingSpec> set) => Add(new Option<bool>(name) { Description = description }, (spec, isOn) =>
    {
        if (isOn)
        {
            set(spec);
        }
    });

    private void Choice<T>(string name, string description, (string Name, T Value) first, (string Name, T Value) second, Action<TrainingSpec, T> set)
    {
        var option = new Option<string>(name) { Description = description };
        option.AcceptOnlyFromAmong(first.Name, second.Name);
        Add(option, (spec, given) => set(spec, given == first.Name ? first.Value : second.Value));
    }

    private void Add<T>(Option<T> option, Action<TrainingSpec, T> set) => _options.Add((option, (parsed, spec) => set(spec, parsed.GetValue(option)!)));
}
