using System.CommandLine;
using DistillGrpc.Client.Examples;

namespace DistillGrpc.Cli.Data;

/// <summary>The options that say where rows are and how they are written, the same for every command that reads any.</summary>
internal sealed class DataOptions
{
    private const string StandardInput = "-";
    private static readonly Dictionary<string, DataFormat> Formats = Enum.GetValues<DataFormat>().ToDictionary(format => $"{format}".ToLowerInvariant());
    private readonly Option<string?> _data;
    private readonly Option<string?> _format = new("--format") { Description = "How the rows are written: jsonl, csv, text (an input on each line), parquet, or reference (a gold file NAME_SPLIT.json with llm/SPLIT_CoT_*.json beside it); default what the file's name says, and jsonl for standard input." };
    private readonly Option<string[]> _inputs = new("--input-column") { Description = "The column, or JSON field, with the input; given several times, its segments.", DefaultValueFactory = _ => [] };
    private readonly Option<string> _label = new("--label-column") { Description = "The column with the gold label; default label.", DefaultValueFactory = _ => "" };
    private readonly Option<string> _id = new("--id-column") { Description = "The column with the row's id; default id.", DefaultValueFactory = _ => "" };

    public DataOptions(string description, string? alias = null)
    {
        _data = new Option<string?>("--data", alias is null ? [] : [alias]) { Description = $"{description} A file (.jsonl, .csv, .txt, .parquet), or - for standard input, which is also read where this is left out and something is piped in." };
        _format.AcceptOnlyFromAmong([.. Formats.Keys]);
    }

    public Command AddTo(Command command)
    {
        command.Options.Add(_data);
        return AddFormTo(command);
    }

    /// <summary>For a command that names its file in another way: only how it is written.</summary>
    public Command AddFormTo(Command command)
    {
        foreach (var option in new Option[] { _format, _inputs, _label, _id })
        {
            command.Options.Add(option);
        }

        return command;
    }

    /// <summary>Whether rows were named.</summary>
    public bool IsGiven(ParseResult parsed) => parsed.GetValue(_data) is not null;

    /// <summary>What rows were named by, as it was written: the option or its alias.</summary>
    public string NameIn(ParseResult parsed) => parsed.GetResult(_data)?.IdentifierToken?.Value ?? _data.Name;

    /// <summary>The rows.</summary>
    /// <exception cref="InvalidDataException">There are none.</exception>
    public DataSource Of(ParseResult parsed) => parsed.GetValue(_data) switch
    {
        StandardInput => Make(parsed, null),
        { Length: > 0 } path => Make(parsed, path),
        _ when Console.IsInputRedirected => Make(parsed, null),
        _ => throw new InvalidDataException("--data: name a file, or pipe rows in."),
    };

    /// <summary>A further file, with the same names of columns.</summary>
    public DataSource Of(ParseResult parsed, FileInfo file) => new(file.FullName, null, Columns(parsed));

    /// <summary>The rows of a file, or of standard input where it is called <c>-</c>.</summary>
    public DataSource Of(ParseResult parsed, string path) => Make(parsed, path == StandardInput ? null : path);

    private DataSource Make(ParseResult parsed, string? path) => new(
        path,
        parsed.GetValue(_format) is { } format ? Formats[format] : null,
        Columns(parsed));

    private ExampleColumns Columns(ParseResult parsed) => new(parsed.GetValue(_inputs)!, parsed.GetValue(_label)!, parsed.GetValue(_id)!);
}
