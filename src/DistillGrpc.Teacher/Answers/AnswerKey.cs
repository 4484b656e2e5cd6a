using System.Buffers.Binary;
using System.Security.Cryptography;
using System.Text;
using DistillGrpc.Contracts.V1;
using DistillGrpc.Teacher.Backends;

namespace DistillGrpc.Teacher.Answers;

/// <summary>
/// What an answer was given to: SHA-256 over what the prompt shows of the input, the prompt's hash, the model, and how it was asked and sampled. Two
/// questions with one key are one question, whoever asks, and need be paid for once.
/// </summary>
internal static class AnswerKey
{
    private const string Version = "answer-2";

    /// <summary>The key, 32 bytes.</summary>
    /// <param name="form">In which form the model is asked; empty for chats, whose keys are those from before there were others.</param>
    /// <param name="model">The model.</param>
    /// <param name="query">How it is asked.</param>
    /// <param name="maxTokens">Most tokens of the answer.</param>
    /// <param name="input">The input.</param>
    public static byte[] Of(string form, string model, RationaleQuery query, int maxTokens, Example input)
    {
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        Add(hash, form.Length == 0 ? Version : $"{Version}-{form}");
        Add(hash, model);
        Add(hash, query.Prompt?.Hash ?? "");
        Add(hash, maxTokens);
        Add(hash, BitConverter.DoubleToInt64Bits(query.Temperature));
        Add(hash, query.Sample);
        Add(hash, (int)query.Use);
        Add(hash, query.TopLogProbabilities);
        Add(hash, input.Segments.Count);
        foreach (var segment in input.Segments)
        {
            Add(hash, segment);
        }

        // A gold label, or a claim to be judged, where the prompt shows it.
        foreach (var shown in query.Prompt?.Shown(input, query.Use) ?? [])
        {
            Add(hash, shown);
        }

        return hash.GetHashAndReset();
    }

    // With its length in front, so that no two lists of texts look alike.
    private static void Add(IncrementalHash hash, string text)
    {
        var bytes = Encoding.UTF8.GetBytes(text);
        Add(hash, bytes.Length);
        hash.AppendData(bytes);
    }

    private static void Add(IncrementalHash hash, long number)
    {
        Span<byte> bytes = stackalloc byte[sizeof(long)];
        BinaryPrimitives.WriteInt64LittleEndian(bytes, number);
        hash.AppendData(bytes);
    }
}
