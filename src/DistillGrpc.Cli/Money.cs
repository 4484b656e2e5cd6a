using System.Globalization;

namespace DistillGrpc.Cli;

/// <summary>Amounts of the teacher's currency: billionths in the contracts, decimals for people.</summary>
internal static class Money
{
    private const decimal NanosPerUnit = 1_000_000_000;

    /// <summary>An amount that an option gives, in billionths.</summary>
    /// <exception cref="InvalidDataException">It is negative, or more than there is.</exception>
    public static long Nanos(string option, decimal amount) => amount is >= 0 and <= NanosPerUnit
        ? (long)(amount * NanosPerUnit)
        : throw new InvalidDataException($"{option} is {amount.ToString(CultureInfo.InvariantCulture)}, and must be 0 to 1000000000.");

    public static decimal Amount(long nanos) => nanos / NanosPerUnit;

    public static string Text(long nanos) => Text(Amount(nanos));

    /// <summary>An amount with as many digits as tell something.</summary>
    public static string Text(decimal amount) => amount.ToString(Math.Abs(amount) >= 0.01m ? "0.####" : "0.#########", CultureInfo.InvariantCulture);
}
