using System.Globalization;
using DistillGrpc.Modeling.Training;
using DistillGrpc.Student.Training.Jobs;

namespace DistillGrpc.Student.Training;

/// <summary>Where a run stands, to the disk and back: parameters, optimiser, dropout, the order of the rows, the clock, the best evaluation.</summary>
/// <param name="trainer">What is trained.</param>
/// <param name="order">The order of the rows.</param>
/// <param name="clock">The clock.</param>
/// <param name="checkpoints">Where it is kept.</param>
/// <param name="growTo">Brings the rows that had come by a step, before the order goes back there.</param>
internal sealed class RunProgress(DistillationTrainer trainer, RunOrder order, RunClock clock, JobCheckpoints checkpoints, Action<int> growTo)
{
    private const string Flops = "flops";
    private const string Tokens = "tokens";
    private const string Seconds = "seconds";
    private const string Rate = "rate";
    private const string BestCorrect = "best_correct";
    private const string BestStep = "best_step";
    private const string SinceBest = "since_best";
    private const string FirstLosses = "first_losses";
    private const string FirstSteps = "first_steps";
    private const string MeanLoss = "mean_loss";

    /// <summary>The best evaluation so far.</summary>
    public RunBest Best { get; set; } = RunBest.None;

    /// <summary>What tells that the run has diverged.</summary>
    public RunGuard Guard { get; set; } = RunGuard.None;

    /// <summary>Factor on the learning rate: halved where a run had to go back.</summary>
    public double RateFactor { get; set; } = 1;

    /// <summary>Writes a checkpoint; gives its size in bytes.</summary>
    /// <exception cref="IOException">It cannot be written.</exception>
    public long Save() => checkpoints.Save(clock.Steps, Write);

    /// <summary>Goes to the newest checkpoint that can be read.</summary>
    /// <param name="refused">Hears of one that is damaged, and why.</param>
    /// <returns>Whether there was one.</returns>
    public bool Restore(Action<int, string> refused) => checkpoints.Restore(Read, refused) is not null;

    /// <summary>Keeps the parameters as they are now as the best ones.</summary>
    public void SaveBest() => checkpoints.SaveBest(Write);

    /// <summary>Goes to the best parameters; false where there are none.</summary>
    public bool RestoreBest() => checkpoints.RestoreBest(folder => TrainerState.Load(folder, trainer));

    private void Write(string folder) => TrainerState.Save(folder, trainer, new TrainerPosition
    {
        Step = clock.Steps,
        Samplers = order.State,
        Notes = new Dictionary<string, string>
        {
            [Flops] = Text(clock.Flops),
            [Tokens] = Text(clock.Tokens),
            [Seconds] = Text(clock.Elapsed.TotalSeconds),
            [Rate] = Text(RateFactor),
            [BestCorrect] = Text(Best.Correct),
            [BestStep] = Text(Best.Step),
            [SinceBest] = Text(Best.Since),
            [FirstLosses] = Text(Guard.FirstSum),
            [FirstSteps] = Text(Guard.FirstCount),
            [MeanLoss] = Text(Guard.Mean),
        },
    });

    private void Read(string folder)
    {
        var position = TrainerState.Load(folder, trainer);
        double Note(string name) => position.Notes.TryGetValue(name, out var text) && double.TryParse(text, NumberStyles.Float, CultureInfo.InvariantCulture, out var value)
            ? value
            : throw new InvalidDataException($"The checkpoint has no {name}.");
        growTo((int)position.Step);
        order.Restore(position.Samplers);
        clock.Restore((int)position.Step, Note(Flops), (long)Note(Tokens), TimeSpan.FromSeconds(Note(Seconds)));
        Guard = new RunGuard(Note(FirstLosses), (int)Note(FirstSteps), Note(MeanLoss));
        (RateFactor, Best) = (Note(Rate), new RunBest((int)Note(BestCorrect), (int)Note(BestStep), (int)Note(SinceBest)));
    }

    private static string Text(double value) => value.ToString("R", CultureInfo.InvariantCulture);
}
