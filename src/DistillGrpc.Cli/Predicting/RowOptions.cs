using System.CommandLine;
using DistillGrpc.Cli.Data;
using DistillGrpc.Client;

namespace DistillGrpc.Cli.Predicting;

/// <summary>The options of a command that answers a text, or the rows of a file.</summary>
internal sealed class RowOptions
{
    private readonly DataOptions _data = new("Rows to answer, instead of the input.", alias: "--in");
    private readonly Option<FileInfo?> _output;

    /// <param name="more">What else there is to say of the answers' file.</param>
    public RowOptions(string more = "") =>
        _output = new Option<FileInfo?>("--out") { Description = $"With rows: where the answers go, as they come. Rows that the file has an answer to are not asked again: run the command again to go on.{more}" };

    public void AddTo(Command command)
    {
        command.Options.Add(_output);
        _data.AddTo(command);
    }

    /// <summary>Whether rows are to be answered: they are where no text is given.</summary>
    /// <exception cref="InvalidDataException">Both are.</exception>
    public bool AreAsked(ParseResult parsed, IReadOnlyList<string> text) => text.Count == 0
        || (_data.IsGiven(parsed) || parsed.GetValue(_output) is not null ? throw new InvalidDataException($"{(_data.IsGiven(parsed) ? _data.NameIn(parsed) : _output.Name)}: name rows, or give a text, not both.") : false);

    /// <summary>Answers the rows.</summary>
    /// <param name="parsed">The command line.</param>
    /// <param name="student">The Student's address.</param>
    /// <param name="question">What is asked of every row.</param>
    /// <param name="cancellationToken">Stops it.</param>
    /// <exception cref="InvalidDataException">There are no rows, some were refused, or what is asked of all of them was.</exception>
    public async Task AnswerAsync<TRequest, TAnswer>(ParseResult parsed, string student, IRowQuestion<TRequest, TAnswer> question, CancellationToken cancellationToken)
    {
        var run = new RowRun<TRequest, TAnswer>(_data.Of(parsed), question, parsed.GetValue(_output));
        using var channel = Addresses.Connect("--student", student);
        await run.RunAsync(new InferenceClient(channel), cancellationToken);
    }
}
