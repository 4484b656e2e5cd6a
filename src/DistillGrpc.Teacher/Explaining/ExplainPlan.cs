using System.Buffers.Binary;
using System.Security.Cryptography;
using System.Text;
using DistillGrpc.Contracts.V1;
using DistillGrpc.Teacher.Backends;
using DistillGrpc.Teacher.Spending;

namespace DistillGrpc.Teacher.Explaining;

/// <summary>A checked request: who is asked for each input, how, and what becomes of the answers.</summary>
internal sealed class ExplainPlan
{
    /// <summary>The teachers; at least one.</summary>
    public required IReadOnlyList<PlannedTeacher> Teachers { get; init; }

    /// <summary>What several are for.</summary>
    public required TeacherPolicy Policy { get; init; }

    /// <summary>Answers of each; at least one.</summary>
    public required int Samples { get; init; }

    /// <summary>Sampling temperature.</summary>
    public required double Temperature { get; init; }

    /// <summary>Most tokens of an answer; 0 for the teacher's default.</summary>
    public required int MaxOutputTokens { get; init; }

    /// <summary>Most likely tokens at each position; 0 for none.</summary>
    public required int TopLogProbabilities { get; init; }

    /// <summary>Whether the reason for the gold label is asked where the teacher's own answer has it not.</summary>
    public required bool Rationalize { get; init; }

    /// <summary>Which answers are accepted.</summary>
    public required QualityRules Rules { get; init; }

    /// <summary>Who judges, or nobody.</summary>
    public required PlannedTeacher? Judge { get; init; }

    /// <summary>When the caller stops waiting.</summary>
    public required DateTimeOffset Deadline { get; init; }

    /// <summary>What all inputs of the caller may cost.</summary>
    public required CallBudget Budget { get; init; }

    /// <summary>Where costs are booked besides the teacher's own account.</summary>
    public required IReadOnlyList<AccountLimit> Accounts { get; init; }

    /// <summary>For logs and metrics.</summary>
    public string Name => Teachers.Count == 1 ? Teachers[0].Name : $"{Policy}";

    /// <summary>Inputs that are answered at once, where a teacher wants it otherwise than the service's setting; else null.</summary>
    public int? InputsInFlight => Teachers.Append(Judge).Max(teacher => teacher?.Backend.InputsInFlight);

    /// <summary>How a teacher is asked.</summary>
    public RationaleQuery QueryOf(PlannedTeacher teacher) => new(teacher.Prompt, MaxOutputTokens, Temperature, Deadline, Budget)
    {
        Accounts = Accounts,
        TopLogProbabilities = TopLogProbabilities,
    };

    /// <summary>The teachers of an input, in the order in which they are asked.</summary>
    public IReadOnlyList<PlannedTeacher> TeachersOf(Example input) => Policy == TeacherPolicy.Weighted && Teachers.Count > 1 ? [Pick(input)] : Teachers;

    // By what is asked and not by chance: run again, an input has the same teacher, whose answer is kept.
    private PlannedTeacher Pick(Example input)
    {
        Span<byte> hash = stackalloc byte[SHA256.HashSizeInBytes];
        SHA256.HashData(Encoding.UTF8.GetBytes(string.Join('\u001f', input.Segments)), hash);
        var at = BinaryPrimitives.ReadUInt64LittleEndian(hash) / (ulong.MaxValue + 1.0) * Teachers.Sum(teacher => teacher.Weight);
        foreach (var teacher in Teachers)
        {
            at -= teacher.Weight;
            if (at < 0)
            {
                return teacher;
            }
        }

        return Teachers[^1];
    }
}
