using System.Text.Json;

namespace DistillGrpc.Modeling.Tokenizers;

/// <summary>Loads the tokenizer of a Hugging Face model directory.</summary>
public static class TokenizerLoader
{
    private const int DefaultSentinels = 100;
    private const int MaxSentinels = 1000;

    /// <summary>
    /// Loads <c>spiece.model</c> (transformers 4), else <c>tokenizer.json</c> (all that transformers 5 writes); for ByT5,
    /// which has neither, <c>tokenizer_config.json</c> alone.
    /// </summary>
    /// <param name="directory">The model's directory.</param>
    /// <exception cref="InvalidDataException">There is no tokenizer, or it is damaged or of a kind that T5 models do not have; the message names the file.</exception>
    public static ITokenizer Load(string directory)
    {
        var files = TokenizerFiles.Read(directory);
        var config = files[TokenizerFiles.Config] is { } bytes ? ParseJson(TokenizerFiles.Config, bytes) : default;
        if (Named(TokenizerFiles.Config, () => IsOfBytes(config)))
        {
            return new ByteTokenizer(Sentinels(config, ByteTokenizer.DefaultSentinels));
        }

        return files switch
        {
            _ when files[TokenizerFiles.SentencePiece] is { } model => Named(TokenizerFiles.SentencePiece, () => FromSentencePiece(model, config, files)),
            _ when files[TokenizerFiles.TokenizerJson] is { } json => Named(TokenizerFiles.TokenizerJson, () => FromTokenizerJson(json, files)),
            _ => throw new InvalidDataException($"There is no tokenizer: neither {TokenizerFiles.SentencePiece} nor {TokenizerFiles.TokenizerJson} is there."),
        };
    }

    private static bool IsOfBytes(JsonElement config) => config.ValueKind == JsonValueKind.Object && config.TryGetProperty("tokenizer_class", out var kind)
        && kind.ValueKind == JsonValueKind.String && kind.GetString()!.StartsWith("ByT5", StringComparison.Ordinal);

    private static UnigramTokenizer FromSentencePiece(byte[] model, JsonElement config, TokenizerFiles files)
    {
        var vocabulary = SentencePieceModel.Read(model);
        return new UnigramTokenizer(vocabulary, AddedTokens(vocabulary, config, files), files);
    }

    private static UnigramTokenizer FromTokenizerJson(byte[] json, TokenizerFiles files)
    {
        var (vocabulary, added) = TokenizerJsonFile.Read(ParseJson(TokenizerFiles.TokenizerJson, json));
        return new UnigramTokenizer(vocabulary, added, files);
    }

    // Transformers 4 writes the added tokens out since 4.34; before, extra_ids says how many sentinels there are.
    private static IReadOnlyList<SpecialToken> AddedTokens(UnigramVocabulary vocabulary, JsonElement config, TokenizerFiles files)
    {
        var added = new List<SpecialToken>();
        if (config.ValueKind == JsonValueKind.Object && config.TryGetProperty("added_tokens_decoder", out var decoder) && decoder.ValueKind == JsonValueKind.Object)
        {
            added.AddRange(decoder.EnumerateObject().Select(token => new SpecialToken(
                Id(token.Name),
                TokenizerJsonFile.RequireText(token.Value, "content"),
                !token.Value.TryGetProperty("special", out var special) || special.ValueKind == JsonValueKind.True)));
        }
        else
        {
            var count = Sentinels(config, DefaultSentinels);
            added.AddRange(Enumerable.Range(0, count).Select(i => new SpecialToken(vocabulary.Pieces.Count + count - 1 - i, SpecialToken.Sentinel(i))));
        }

        if (files[TokenizerFiles.AddedTokens] is { } bytes)
        {
            var more = ParseJson(TokenizerFiles.AddedTokens, bytes).EnumerateObject().Select(token => new SpecialToken(token.Value.GetInt32(), token.Name));
            added.AddRange(more.Where(token => added.TrueForAll(known => known.Id != token.Id)));
        }

        return added;
    }

    private static int Id(string text) => int.TryParse(text, out var id) && id >= 0
        ? id
        : throw new InvalidDataException("an added token's id is not a number");

    private static int Sentinels(JsonElement config, int otherwise)
    {
        var count = config.ValueKind == JsonValueKind.Object && config.TryGetProperty("extra_ids", out var value)
            && value.ValueKind == JsonValueKind.Number && value.TryGetInt32(out var number) ? number : otherwise;
        return count is >= 0 and <= MaxSentinels
            ? count
            : throw new InvalidDataException($"{TokenizerFiles.Config}: extra_ids is {count}, and may be 0 to {MaxSentinels}.");
    }

    private static JsonElement ParseJson(string file, byte[] bytes) => Named(file, () =>
    {
        var root = JsonDocument.Parse(bytes, new JsonDocumentOptions { MaxDepth = 32 }).RootElement;
        return root.ValueKind == JsonValueKind.Object ? root : throw new InvalidDataException("it is not a JSON object");
    });

    private static T Named<T>(string file, Func<T> read)
    {
        try
        {
            return read();
        }
        catch (Exception e) when (e is InvalidDataException or JsonException or InvalidOperationException or FormatException or KeyNotFoundException)
        {
            throw new InvalidDataException($"{file} cannot be used: {(e is InvalidDataException ? e.Message : "it is damaged")}.", e);
        }
    }
}
