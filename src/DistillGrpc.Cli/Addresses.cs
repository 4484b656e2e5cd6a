using System.CommandLine;
using DistillGrpc.Client;
using Grpc.Net.Client;

namespace DistillGrpc.Cli;

/// <summary>The options that say where the services are.</summary>
internal static class Addresses
{
    public static Option<string> Student() => new("--student") { Description = "The Student's address.", DefaultValueFactory = _ => DistillGrpc.Student.StudentHost.DefaultListen };

    public static Option<string> Teacher() => new("--teacher") { Description = "The Teacher's address.", DefaultValueFactory = _ => DistillGrpc.Teacher.TeacherHost.DefaultListen };

    /// <summary>A channel to such an address.</summary>
    /// <exception cref="InvalidDataException">It is none.</exception>
    public static GrpcChannel Connect(string option, string address) => DistillChannel.To(Uri.TryCreate(address, UriKind.Absolute, out var uri) && uri.Scheme is "http" or "https"
        ? uri
        : throw new InvalidDataException($"{option}: '{address}' is not an address such as {DistillGrpc.Student.StudentHost.DefaultListen}."));
}
