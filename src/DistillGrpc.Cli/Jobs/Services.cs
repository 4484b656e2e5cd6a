using System.CommandLine;
using DistillGrpc.Client;
using Grpc.Net.Client;

namespace DistillGrpc.Cli.Jobs;

/// <summary>The two services that have jobs, by the options that say where they are.</summary>
internal sealed class Services(Option<string> teacher, Option<string> student)
{
    /// <summary>Channels to them; a service is reached when it is asked.</summary>
    public Connected Connect(ParseResult parsed) => new(Addresses.Connect("--teacher", parsed.GetValue(teacher)!), Addresses.Connect("--student", parsed.GetValue(student)!));

    internal sealed class Connected(GrpcChannel teacher, GrpcChannel student) : IDisposable
    {
        public IReadOnlyList<IJobs> All { get; } = [new ExtractionJobs(new ExtractionClient(teacher)), new TrainingJobs(new TrainingClient(student))];

        public void Dispose()
        {
            teacher.Dispose();
            student.Dispose();
        }
    }
}
