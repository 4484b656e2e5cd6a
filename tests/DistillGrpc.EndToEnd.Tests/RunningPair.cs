using DistillGrpc.Client;
using DistillGrpc.Hosting;
using DistillGrpc.Student;
using DistillGrpc.Teacher;
using Grpc.Net.Client;
using Microsoft.AspNetCore.Builder;
using Microsoft.Extensions.Logging;

namespace DistillGrpc.EndToEnd.Tests;

/// <summary>A Teacher and a Student on free loopback ports, HTTP/2, with a state directory of their own.</summary>
public sealed class RunningPair : IAsyncLifetime
{
    private readonly string _state = Directory.CreateTempSubdirectory("distill-pair").FullName;
    private WebApplication? _teacher;
    private WebApplication? _student;

    public GrpcChannel Channel { get; private set; } = null!;

    public GrpcChannel TeacherChannel { get; private set; } = null!;

    public TrainingClient Training { get; private set; } = null!;

    public InferenceClient Inference { get; private set; } = null!;

    public ModelClient Models { get; private set; } = null!;

    public Uri StudentAddress { get; private set; } = null!;

    public Uri TeacherAddress => _teacher!.Address();

    public string State => _state;

    public async Task InitializeAsync()
    {
        _teacher = TeacherHost.Create(["--Listen=http://127.0.0.1:0", $"--StateDirectory={_state}"], builder => builder.Logging.ClearProviders());
        await _teacher.StartAsync();
        TeacherChannel = DistillChannel.To(_teacher.Address());
        await StartStudentAsync($"--Teacher={_teacher.Address()}");
    }

    public async Task StartStudentAsync(params string[] settings)
    {
        _student = StudentHost.Create(["--Listen=http://127.0.0.1:0", $"--StateDirectory={_state}", .. settings], builder => builder.Logging.ClearProviders());
        await _student.StartAsync();
        StudentAddress = _student.Address();
        Channel = DistillChannel.To(StudentAddress);
        Training = new TrainingClient(Channel);
        Inference = new InferenceClient(Channel);
        Models = new ModelClient(Channel);
    }

    public async Task StopStudentAsync()
    {
        Channel.Dispose();
        await _student!.DisposeAsync();
    }

    public async Task DisposeAsync()
    {
        await StopStudentAsync();
        TeacherChannel.Dispose();
        await _teacher!.StopAsync();
        await _teacher!.DisposeAsync();
        Directory.Delete(_state, recursive: true);
    }
}
