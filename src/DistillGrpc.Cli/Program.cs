using System.CommandLine;
using DistillGrpc.Cli;
using DistillGrpc.Cli.Jobs;
using DistillGrpc.Cli.Prompts;
using DistillGrpc.Cli.Quickstart;
using DistillGrpc.Cli.Savings;
using DistillGrpc.Cli.Teaching;

var root = new RootCommand("Distils a large language model into a small T5 that answers in milliseconds and can say why.")
{
    QuickstartCommand.Create(),
    PromptsCommand.Create(),
    TeachCommand.Create(),
    JobsCommand.Create(),
    RowsCommand.Create(),
    TrainCommand.Create(),
    PredictCommand.Create(),
    EvalCommand.Create(),
    SavingsCommand.Create(),
    StateCommand.Create(),
};
// Interrupted, a command ends by itself, within a step; a process that leaves while libtorch works would crash.
return await root.Parse(args).InvokeAsync(new InvocationConfiguration { ProcessTerminationTimeout = TimeSpan.FromSeconds(30) });
