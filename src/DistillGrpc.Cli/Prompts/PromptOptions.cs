using System.CommandLine;
using DistillGrpc.Teacher.Prompts;

namespace DistillGrpc.Cli.Prompts;

/// <summary>The options that say which prompt: one that a Teacher has by its id, or a file.</summary>
internal sealed class PromptOptions
{
    private const string Collection = "prompts/";
    private readonly Option<string> _prompt = new("--prompt") { Description = "The prompt: its id (nli, or prompts/nli), or a file (.yaml).", Required = true };
    private readonly Option<string> _directory = Directory();

    /// <summary>The option that names the folder of the operator's own prompts.</summary>
    public static Option<string> Directory() => new("--prompt-directory") { Description = "A folder with prompts of your own, as the Teacher's PromptDirectory.", DefaultValueFactory = _ => "" };

    public Command AddTo(Command command)
    {
        command.Options.Add(_prompt);
        command.Options.Add(_directory);
        return command;
    }

    /// <summary>Reads it.</summary>
    /// <exception cref="InvalidDataException">It cannot be used; the message says why.</exception>
    public Prompt Of(ParseResult parsed)
    {
        var name = parsed.GetValue(_prompt)!;
        return Path.GetExtension(name) is ".yaml" or ".yml" ? Read(name)
            : PromptCatalog.Load(parsed.GetValue(_directory)!).Find(name.StartsWith(Collection, StringComparison.Ordinal) ? name : Collection + name);
    }

    private static Prompt Read(string path)
    {
        try
        {
            return Prompt.Parse(Collection + Path.GetFileNameWithoutExtension(path), File.ReadAllBytes(path));
        }
        catch (ArgumentException refused)
        {
            throw new InvalidDataException($"{Path.GetFileName(path)}: {refused.Message}", refused);
        }
    }
}
