using System.CommandLine;
using DistillGrpc.Benchmarks.Teaching;

var root = new RootCommand("Benchmarks: programs that measure, not tests. Run them on a quiet machine, in Release.")
{
    TeacherBenchmark.Create(),
    DeltaBenchmark.Create(),
    MemoryBenchmark.Create(),
    FakeEndpoint.Create(),
    BareCalls.Create(),
};
return await root.Parse(args).InvokeAsync();
