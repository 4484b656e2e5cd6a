namespace DistillGrpc.Modeling.Tokenizers;

/// <summary>The files of a tokenizer by name, kept as bytes so that saving gives back what was loaded.</summary>
internal sealed class TokenizerFiles
{
    public const string SentencePiece = "spiece.model";
    public const string TokenizerJson = "tokenizer.json";
    public const string Config = "tokenizer_config.json";
    public const string SpecialTokensMap = "special_tokens_map.json";
    public const string AddedTokens = "added_tokens.json";

    /// <summary>mT5's tokenizer.json, the largest we know, has 16 MiB.</summary>
    private const long MaxBytes = 64 << 20;

    private readonly SortedDictionary<string, byte[]> _files = new(StringComparer.Ordinal);

    /// <summary>A file's bytes, or null when it is not there.</summary>
    public byte[]? this[string name]
    {
        get => _files.GetValueOrDefault(name);
        init => _files[name] = value!;
    }

    /// <summary>Reads the tokenizer files that a directory has.</summary>
    /// <exception cref="InvalidDataException">A file cannot be read or is too large.</exception>
    public static TokenizerFiles Read(string directory)
    {
        var files = new TokenizerFiles();
        foreach (var name in (string[])[SentencePiece, TokenizerJson, Config, SpecialTokensMap, AddedTokens])
        {
            var path = Path.Combine(directory, name);
            if (File.Exists(path))
            {
                files._files[name] = ReadBounded(path, name);
            }
        }

        return files;
    }

    /// <summary>Writes the files.</summary>
    public void Write(string directory)
    {
        Directory.CreateDirectory(directory);
        foreach (var (name, bytes) in _files)
        {
            File.WriteAllBytes(Path.Combine(directory, name), bytes);
        }
    }

    private static byte[] ReadBounded(string path, string name)
    {
        try
        {
            using var stream = File.OpenRead(path);
            if (stream.Length > MaxBytes)
            {
                throw new InvalidDataException($"{name}: larger than {MaxBytes >> 20} MiB");
            }

            var bytes = new byte[stream.Length];
            stream.ReadExactly(bytes);
            return bytes;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            // Not the exception's own text: it names the full path.
            throw new InvalidDataException($"{name}: cannot be read");
        }
    }
}
