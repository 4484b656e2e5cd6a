using System.Text.RegularExpressions;
using DistillGrpc.Hosting;

namespace DistillGrpc.Teacher.Backends.Student;

/// <summary>What the operator sets for a teacher of the kind <c>student</c>.</summary>
internal sealed partial record StudentOptions
{
    /// <summary>Where the Student listens, such as <c>http://127.0.0.1:5102</c>.</summary>
    public required Uri Address { get; init; }

    /// <summary>The model that it serves, <c>models/{id}</c>.</summary>
    public required string Model { get; init; }

    /// <summary>Most calls at once.</summary>
    public required int MaxConcurrency { get; init; }

    /// <summary>Longest time for an input, from its first call on.</summary>
    public required TimeSpan Timeout { get; init; }

    /// <summary>Reads a teacher's settings.</summary>
    /// <exception cref="InvalidOperationException">One cannot be used; the message names it.</exception>
    public static StudentOptions Of(string id, TeacherEntry entry)
    {
        void Require(bool condition, string setting, string message) => Setting.Require(condition, $"Teachers:{id}:{setting}", message);

        var isAddress = Uri.TryCreate(entry.Address, UriKind.Absolute, out var uri) && uri.Scheme is "http" or "https";
        Require(isAddress, nameof(entry.Address), $"'{entry.Address}' is not an address such as http://127.0.0.1:5102.");
        Require(uri!.UserInfo.Length == 0, nameof(entry.Address), "a user or a password does not belong into it.");
        Require(ModelName().IsMatch(entry.Model), nameof(entry.Model), "must look like models/{id}.");
        Require(entry.MaxConcurrency is > 0 and <= 10_000, nameof(entry.MaxConcurrency), "must be 1 to 10000.");
        Require(entry.Timeout > TimeSpan.Zero && entry.Timeout <= TimeSpan.FromDays(1), nameof(entry.Timeout), "must be above 0 and at most a day.");
        return new StudentOptions { Address = uri, Model = entry.Model, MaxConcurrency = entry.MaxConcurrency, Timeout = entry.Timeout };
    }

    [GeneratedRegex(@"^models/[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\z", RegexOptions.CultureInvariant, 1000)]
    private static partial Regex ModelName();
}
