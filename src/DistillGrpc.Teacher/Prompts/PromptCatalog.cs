using System.Text.RegularExpressions;
using DistillGrpc.Hosting;

namespace DistillGrpc.Teacher.Prompts;

/// <summary>The prompts that there are: those that come with the Teacher, and the operator's own files.</summary>
internal sealed partial class PromptCatalog
{
    private const string Collection = "prompts/";
    private const string Extension = ".yaml";
    private const long MaxFileBytes = 1 << 20;
    private readonly Dictionary<string, Prompt> _prompts = new(StringComparer.Ordinal);

    private PromptCatalog()
    {
    }

    /// <summary>Reads all prompts; a file of the operator's replaces what comes with the Teacher under its name.</summary>
    /// <param name="directory">The operator's files, <c>{id}.yaml</c>, or empty.</param>
    /// <exception cref="InvalidOperationException">A file cannot be used; the message names it.</exception>
    public static PromptCatalog Load(string directory)
    {
        var catalog = new PromptCatalog();
        var assembly = typeof(PromptCatalog).Assembly;
        foreach (var resource in assembly.GetManifestResourceNames().Where(name => name.EndsWith(Extension, StringComparison.Ordinal)))
        {
            using var content = assembly.GetManifestResourceStream(resource)!;
            catalog.Add(resource, content);
        }

        if (directory.Length > 0 && !Directory.Exists(directory))
        {
            throw new InvalidOperationException($"PromptDirectory: there is no folder '{directory}'.");
        }

        foreach (var path in directory.Length > 0 ? Directory.GetFiles(directory, "*" + Extension).Order(StringComparer.Ordinal).ToArray() : [])
        {
            using var content = File.OpenRead(path);
            catalog.Add(Path.GetFileName(path), content);
        }

        return catalog;
    }

    /// <summary>All of them, by name.</summary>
    public IEnumerable<Prompt> All => _prompts.Values.OrderBy(prompt => prompt.Name, StringComparer.Ordinal);

    /// <summary>A prompt by its name, <c>prompts/{id}</c>.</summary>
    /// <exception cref="Grpc.Core.RpcException">NOT_FOUND.</exception>
    public Prompt Find(string name) =>
        _prompts.GetValueOrDefault(name) ?? throw RpcFailure.NotFound("PROMPT_NOT_FOUND", $"There is no prompt '{Shown(name)}'.");

    /// <summary>The prompt that a setting names by its id.</summary>
    /// <exception cref="InvalidOperationException">There is none; the message names the setting.</exception>
    public Prompt OfSetting(string setting, string id) => _prompts.GetValueOrDefault(Collection + id)
        ?? throw new InvalidOperationException($"{setting}: there is no prompt '{id}'; there are {string.Join(", ", _prompts.Keys.Select(name => name[Collection.Length..]).Order(StringComparer.Ordinal))}.");

    private void Add(string file, Stream content)
    {
        var id = file[..^Extension.Length];
        if (!Id().IsMatch(id))
        {
            throw new InvalidOperationException($"PromptDirectory: '{file}' is not {{id}}.yaml with 1 to 63 lower-case letters, digits and hyphens.");
        }

        if (content.Length > MaxFileBytes)
        {
            throw new InvalidOperationException($"PromptDirectory: '{file}' has over {MaxFileBytes} bytes.");
        }

        var bytes = new byte[content.Length];
        content.ReadExactly(bytes);
        try
        {
            _prompts[Collection + id] = Prompt.Parse(Collection + id, bytes);
        }
        catch (ArgumentException refused)
        {
            throw new InvalidOperationException($"PromptDirectory: '{file}': {refused.Message}", refused);
        }
    }

    private static string Shown(string name) => name.Length <= 80 ? name : name[..80] + "...";

    [GeneratedRegex(@"^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\z", RegexOptions.CultureInvariant, 1000)]
    private static partial Regex Id();
}
