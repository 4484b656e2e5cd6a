using System.Buffers;
using System.Globalization;
using System.Runtime.InteropServices;
using System.Security.Cryptography;
using System.Text;
using DistillGrpc.Contracts.V1;

namespace DistillGrpc.Student.Datasets;

/// <summary>What rows are told apart by, as 128 bits of a SHA-256: two that differ have the same less often than a disk errs.</summary>
internal static class RowKeys
{
    /// <summary>Of a text as it is.</summary>
    public static UInt128 OfText(string text) => Digest(MemoryMarshal.AsBytes(text.AsSpan()));

    /// <summary>Of a whole input: its words, whatever their case, white space and punctuation; where one segment ends makes a difference.</summary>
    public static UInt128 OfInput(Example row)
    {
        var words = new ArrayBufferWriter<char>();
        foreach (var segment in row.Segments)
        {
            Append(words, segment);
            Put(words, '\n');
        }

        return Digest(MemoryMarshal.AsBytes(words.WrittenSpan));
    }

    /// <summary>Of what a row is kept together by when rows are divided; a row that lacks that is by itself.</summary>
    public static UInt128 OfGroup(Example row, Grouping grouping) => grouping.Kind switch
    {
        GroupingKind.None => OfText(row.Id),
        GroupingKind.Segment => row.Segments.Count > grouping.Segment ? OfWords(row.Segments[grouping.Segment]) : OfInput(row),
        _ => row.Group.Length > 0 ? OfText(row.Group) : OfInput(row),
    };

    /// <summary>Of the words of a text.</summary>
    public static UInt128 OfWords(string text)
    {
        var words = new ArrayBufferWriter<char>(text.Length + 1);
        Append(words, text);
        return Digest(MemoryMarshal.AsBytes(words.WrittenSpan));
    }

    /// <summary>Of bytes.</summary>
    public static UInt128 Digest(ReadOnlySpan<byte> bytes)
    {
        Span<byte> digest = stackalloc byte[SHA256.HashSizeInBytes];
        SHA256.HashData(bytes, digest);
        return System.Buffers.Binary.BinaryPrimitives.ReadUInt128LittleEndian(digest);
    }

    // Signs are words too: 3 + 4 is not 3 - 4.
    private static void Append(ArrayBufferWriter<char> words, string text)
    {
        var isInWord = false;
        foreach (var rune in text.EnumerateRunes())
        {
            var isLetter = Rune.IsLetterOrDigit(rune) || (isInWord && Rune.GetUnicodeCategory(rune) is UnicodeCategory.NonSpacingMark or UnicodeCategory.SpacingCombiningMark);
            var isSign = !isLetter && (Rune.IsSymbol(rune) || rune.Value is '-' or '*' or '/' or '%');
            if (words.WrittenCount > 0 && ((isLetter && !isInWord) || isSign))
            {
                Put(words, ' ');
            }

            if (isLetter || isSign)
            {
                words.Advance(Rune.ToLowerInvariant(rune).EncodeToUtf16(words.GetSpan(2)));
            }

            isInWord = isLetter;
        }
    }

    private static void Put(ArrayBufferWriter<char> words, char c)
    {
        words.GetSpan(1)[0] = c;
        words.Advance(1);
    }
}
