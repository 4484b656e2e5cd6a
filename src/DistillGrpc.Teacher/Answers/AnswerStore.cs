using System.Data.Common;
using DistillGrpc.Contracts.V1;
using DistillGrpc.Teacher.Storage;
using Google.Protobuf;
using Google.Protobuf.WellKnownTypes;

namespace DistillGrpc.Teacher.Answers;

/// <summary>Answers that were paid for, by what they were given to (<see cref="AnswerKey"/>). A kept answer is on the disk.</summary>
internal sealed class AnswerStore(TeacherDatabase database) : IDisposable
{
    private readonly Lock _reading = new();
    private readonly Lazy<DbCommand> _find = new(() =>
    {
        var command = database.Open().Command("SELECT answer FROM answers WHERE key = @key", ("@key", Array.Empty<byte>()));
        command.Prepare();
        return command;
    });

    /// <summary>The answer, or null where none was kept.</summary>
    public WrittenAnswer? Find(byte[] key)
    {
        lock (_reading)
        {
            _find.Value.Parameters[0].Value = key;
            return _find.Value.ExecuteScalar() is byte[] answer ? Read(answer) : null;
        }
    }

    /// <summary>Keeps an answer, as a part of a transaction. One that is there already stays.</summary>
    public static void Keep(DbTransaction transaction, byte[] key, WrittenAnswer answer)
    {
        transaction.Execute(
            "INSERT INTO answers (key, answer, created) VALUES (@key, @answer, @created) ON CONFLICT (key) DO NOTHING",
            ("@key", key), ("@answer", Write(answer)), ("@created", answer.Created.ToUnixTimeMilliseconds()));
    }

    public void Dispose()
    {
        if (_find.IsValueCreated)
        {
            _find.Value.Connection!.Dispose();
            _find.Value.Dispose();
        }
    }

    // The contracts' own result holds all of it, and reads what older versions wrote.
    private static byte[] Write(WrittenAnswer answer) => new RationaleResult
    {
        RawText = answer.Text,
        Usage = answer.Usage,
        Provenance = new Provenance { Model = answer.Model, FinishReason = answer.FinishReason, CreateTime = answer.Created.ToTimestamp() },
        Tokens = { answer.Tokens },
    }.ToByteArray();

    private static WrittenAnswer Read(byte[] bytes)
    {
        var kept = RationaleResult.Parser.ParseFrom(bytes);
        return new WrittenAnswer(kept.RawText, kept.Provenance.FinishReason, kept.Provenance.Model, kept.Usage, kept.Provenance.CreateTime.ToDateTimeOffset()) { Tokens = kept.Tokens };
    }
}
