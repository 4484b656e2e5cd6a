using System.CommandLine;
using DistillGrpc.Cli;
using DistillGrpc.Cli.Bench;
using DistillGrpc.Cli.Classifying;
using DistillGrpc.Cli.Datasets;
using DistillGrpc.Cli.Jobs;
using DistillGrpc.Cli.Models;
using DistillGrpc.Cli.Operating;
using DistillGrpc.Cli.Predicting;
using DistillGrpc.Cli.Prompts;
using DistillGrpc.Cli.Quickstart;
using DistillGrpc.Cli.Savings;
using DistillGrpc.Cli.Sweep;
using DistillGrpc.Cli.Teaching;
using DistillGrpc.Cli.Training;

StandardOutput.FailWhereNobodyReads();
var root = new RootCommand("Distils a large language model into a small T5 that answers in milliseconds and can say why.")
{
    QuickstartCommand.Create(),
    PromptsCommand.Create(),
    TeachCommand.Create(),
    JobsCommand.Create(),
    RowsCommand.Create(),
    AccountsCommand.Create(),
    DatasetsCommand.Create(),
    TrainCommand.Create(),
    SweepCommand.Create(),
    ModelsCommand.Create(),
    PredictCommand.Create(),
    ExplainCommand.Create(),
    ClassifyCommand.Create(),
    CapacityCommand.Create(),
    DrainCommand.Create(),
    BenchCommand.Create(),
    EvalCommand.Create(),
    SavingsCommand.Create(),
    StateCommand.Create(),
};
var parsed = root.Parse(args);
if (OptionErrors.Of(parsed) is { } wrong)
{
    await Console.Error.WriteLineAsync($"error: {wrong}");
    return Failures.Failed;
}

if (BenchCommand.IsOfPreset(parsed))
{
    CompiledProcess.BeginAnew();
}

// Interrupted, a command ends by itself, within a step; a process that leaves while libtorch works would crash.
try
{
    return await parsed.InvokeAsync(new InvocationConfiguration { ProcessTerminationTimeout = TimeSpan.FromSeconds(30), EnableDefaultExceptionHandler = false });
}
catch (Exception failure) when (StandardOutput.IsClosed(failure))
{
    // Of help, which no command of ours writes.
    return Failures.OutputClosed;
}
