using System.CommandLine;
using System.CommandLine.Invocation;
using System.CommandLine.Parsing;

namespace DistillGrpc.Cli;

/// <summary>What is said of a command line that cannot be understood: one line, with the option as it was written and what it takes.</summary>
internal static class OptionErrors
{
    /// <summary>The line; null where nothing is wrong, or where help is what is wanted: a command that has further commands, and none was named.</summary>
    public static string? Of(ParseResult parsed) =>
        parsed.Action is not ParseErrorAction || parsed.Errors is not [var first, ..] || (parsed.CommandResult.Command.Subcommands.Count > 0 && parsed.UnmatchedTokens.Count == 0 && OptionOf(first) is null)
            ? null
            : parsed is { UnmatchedTokens: [var unknown, ..], CommandResult.Command.Subcommands: { Count: > 0 } commands } && OptionOf(first) is null
            ? $"'{unknown}' is no command; there are {string.Join(", ", commands.Select(command => command.Name))}."
            : Text(first);

    private static string Text(ParseError error)
    {
        var said = string.Join(' ', error.Message.Split((char[]?)null, StringSplitOptions.RemoveEmptyEntries));
        return OptionOf(error) is not { } result || result.IdentifierToken?.Value is not { } name ? said
            : result.Tokens is [.., var given] && Takes(result.Option.ValueType) is { } takes && said.Contains(given.Value, StringComparison.Ordinal) ? $"{name}: '{given.Value}' is not {takes}."
            : said.Contains(name, StringComparison.Ordinal) ? said
            : $"{name}: {said}";
    }

    private static OptionResult? OptionOf(ParseError error) => error.SymbolResult as OptionResult ?? error.SymbolResult?.Parent as OptionResult;

    // Only of types that have a text which is none; the others take what there is, or say themselves which.
    private static string? Takes(Type type) => (Nullable.GetUnderlyingType(type) ?? type) switch
    {
        var number when number == typeof(int) || number == typeof(long) => "a whole number that fits",
        var number when number == typeof(decimal) || number == typeof(double) => "a number such as 1.5",
        var flag when flag == typeof(bool) => "true or false",
        _ => null,
    };
}
