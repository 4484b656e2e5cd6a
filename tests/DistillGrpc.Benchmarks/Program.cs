using System.CommandLine;
using DistillGrpc.Benchmarks.Engines;
using DistillGrpc.Benchmarks.Machine;
using DistillGrpc.Benchmarks.Serving;
using DistillGrpc.Benchmarks.Soaking;
using DistillGrpc.Benchmarks.Teaching;
using DistillGrpc.Benchmarks.Training;

var root = new RootCommand("Benchmarks: programs that measure, not tests. Run them on a quiet machine, in Release.")
{
    TeacherBenchmark.Create(),
    DeltaBenchmark.Create(),
    MemoryBenchmark.Create(),
    FakeEndpoint.Create(),
    BareCalls.Create(),
    MachineBenchmark.Create(),
    EngineBenchmark.Create(),
    ServingBenchmark.Create(),
    TrainingBenchmark.Create(),
    TrainingProbe.Create(),
    SoakBenchmark.Create(),
};
return await root.Parse(args).InvokeAsync();
