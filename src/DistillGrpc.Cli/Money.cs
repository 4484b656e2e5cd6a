using System.CommandLine;
using System.Globalization;

namespace DistillGrpc.Cli;

/// <summary>Amounts of the teacher's currency: billionths in the contracts, decimals for people.</summary>
internal static class Money
{
    private const decimal NanosPerUnit = 1_000_000_000;

    /// <summary>An option that is an amount, as <see cref="Read"/> reads it; null where it is not given and has no default.</summary>
    public static Option<decimal?> Option(string name, string description, decimal? otherwise = null) => new(name)
    {
        Description = description,
        DefaultValueFactory = _ => otherwise,
        CustomParser = result =>
        {
            var given = result.Tokens.Count > 0 ? result.Tokens[^1].Value : "";
            if (Read(given) is { } amount)
            {
                return amount;
            }

            result.AddError($"{name}: '{given}' is not a number such as 1.5.");
            return null;
        },
    };

    /// <summary>An amount with a point before its fraction, or null. 5,5 is none: it would be 55 to some, and 5.5 to others.</summary>
    public static decimal? Read(string given) =>
        decimal.TryParse(given, NumberStyles.AllowLeadingSign | NumberStyles.AllowDecimalPoint, CultureInfo.InvariantCulture, out var amount) ? amount : null;

    /// <summary>An amount that an option gives, in billionths.</summary>
    /// <exception cref="InvalidDataException">It is negative, more than there is, or so little that it would be 0, which is no limit.</exception>
    public static long Nanos(string option, decimal amount) => amount is 0 or (>= 1 / NanosPerUnit and <= NanosPerUnit)
        ? (long)(amount * NanosPerUnit)
        : throw new InvalidDataException($"{option} is {amount.ToString(CultureInfo.InvariantCulture)}, and must be 0, or 0.000000001 to 1000000000.");

    public static decimal Amount(long nanos) => nanos / NanosPerUnit;

    public static string Text(long nanos) => Text(Amount(nanos));

    /// <summary>An amount with as many digits as tell something.</summary>
    public static string Text(decimal amount) => amount.ToString(Math.Abs(amount) >= 0.01m ? "0.####" : "0.#########", CultureInfo.InvariantCulture);
}
