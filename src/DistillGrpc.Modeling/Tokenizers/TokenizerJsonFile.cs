using System.Text.Json;
using System.Text.Json.Nodes;

namespace DistillGrpc.Modeling.Tokenizers;

/// <summary>Hugging Face's <c>tokenizer.json</c>, as far as T5 tokenizers use it.</summary>
internal static class TokenizerJsonFile
{
    private const string RepeatedSpaces = " {2,}";

    /// <summary>Reads vocabulary and added tokens.</summary>
    /// <exception cref="InvalidDataException">Something is missing or is not what T5 tokenizers have.</exception>
    public static (UnigramVocabulary Vocabulary, IReadOnlyList<SpecialToken> Added) Read(JsonElement root)
    {
        var model = Require(root, "model");
        if (RequireText(model, "type") != "Unigram")
        {
            throw new InvalidDataException("only Unigram models are supported");
        }

        var added = Require(root, "added_tokens").EnumerateArray().Select(ReadAdded).ToArray();
        var special = added.Where(token => token.IsSpecial).Select(token => token.Text).ToHashSet(StringComparer.Ordinal);
        var unknown = Require(model, "unk_id").GetInt32();
        var fallback = model.TryGetProperty("byte_fallback", out var value) && value.ValueKind == JsonValueKind.True;
        var pieces = Require(model, "vocab").EnumerateArray().Select((entry, id) => ReadPiece(entry, id == unknown, special, fallback)).ToArray();
        var rules = new NormalizerRules(ReadMap(Normalizers(root)), AddsPrefix(root));
        return (new UnigramVocabulary(pieces, rules, fallback), added);
    }

    /// <summary>What <see cref="Read"/> and transformers 5 read.</summary>
    public static byte[] Write(UnigramVocabulary vocabulary, IReadOnlyList<SpecialToken> specials)
    {
        var eos = new JsonObject { ["SpecialToken"] = new JsonObject { ["id"] = "</s>", ["type_id"] = 0 } };
        JsonObject Sequence(string id) => new() { ["Sequence"] = new JsonObject { ["id"] = id, ["type_id"] = 0 } };
        JsonObject Metaspace(string scheme) => new() { ["type"] = "Metaspace", ["replacement"] = "▁", ["prepend_scheme"] = scheme, ["split"] = true };
        var vocab = vocabulary.Pieces.Select(piece => (JsonNode)new JsonArray(piece.Text, piece.Score))
            .Concat(specials.Where(token => token.Id >= vocabulary.Pieces.Count).OrderBy(token => token.Id).Select(token => (JsonNode)new JsonArray(token.Text, 0f)));
        var root = new JsonObject
        {
            ["version"] = "1.0",
            ["truncation"] = null,
            ["padding"] = null,
            ["added_tokens"] = new JsonArray([.. specials.OrderBy(token => token.Id).Select(WriteAdded)]),
            ["normalizer"] = WriteNormalizer(vocabulary.Rules.Map),
            ["pre_tokenizer"] = Metaspace("first"),
            ["post_processor"] = new JsonObject
            {
                ["type"] = "TemplateProcessing",
                ["single"] = new JsonArray(Sequence("A"), eos.DeepClone()),
                ["pair"] = new JsonArray(Sequence("A"), eos.DeepClone(), Sequence("B"), eos.DeepClone()),
                ["special_tokens"] = new JsonObject
                {
                    ["</s>"] = new JsonObject { ["id"] = "</s>", ["ids"] = new JsonArray(vocabulary.EosId), ["tokens"] = new JsonArray("</s>") },
                },
            },
            ["decoder"] = Metaspace("always"),
            ["model"] = new JsonObject
            {
                ["type"] = "Unigram",
                ["unk_id"] = vocabulary.UnkId,
                ["vocab"] = new JsonArray([.. vocab]),
                ["byte_fallback"] = vocabulary.ByteIds is not null,
            },
        };
        return JsonSerializer.SerializeToUtf8Bytes(root);
    }

    public static string RequireText(JsonElement parent, string name) => Require(parent, name).GetString()
        ?? throw new InvalidDataException($"'{name}' is not a text");

    private static JsonElement Require(JsonElement parent, string name) =>
        parent.ValueKind == JsonValueKind.Object && parent.TryGetProperty(name, out var value) ? value : throw new InvalidDataException($"'{name}' is missing");

    private static SpecialToken ReadAdded(JsonElement token) =>
        new(Require(token, "id").GetInt32(), RequireText(token, "content"), Require(token, "special").GetBoolean());

    private static JsonNode WriteAdded(SpecialToken token) => new JsonObject
    {
        ["id"] = token.Id,
        ["content"] = token.Text,
        ["single_word"] = false,
        ["lstrip"] = false,
        ["rstrip"] = false,
        ["normalized"] = false,
        ["special"] = token.IsSpecial,
    };

    private static Piece ReadPiece(JsonElement entry, bool isUnknown, HashSet<string> special, bool fallback)
    {
        if (entry.GetArrayLength() < 2)
        {
            throw new InvalidDataException("a piece has no score");
        }

        var text = entry[0].GetString() ?? throw new InvalidDataException("a piece is not a text");
        var kind = isUnknown ? PieceKind.Unknown
            : special.Contains(text) ? PieceKind.Control
            : fallback && text.Length == 6 && text.StartsWith("<0x", StringComparison.Ordinal) ? PieceKind.Byte
            : PieceKind.Normal;
        return new Piece(text, entry[1].GetSingle(), kind);
    }

    private static IEnumerable<JsonElement> Normalizers(JsonElement root)
    {
        if (!root.TryGetProperty("normalizer", out var normalizer) || normalizer.ValueKind == JsonValueKind.Null)
        {
            return [];
        }

        return RequireText(normalizer, "type") == "Sequence" ? Require(normalizer, "normalizers").EnumerateArray() : [normalizer];
    }

    private static CharacterMap? ReadMap(IEnumerable<JsonElement> normalizers)
    {
        CharacterMap? map = null;
        foreach (var normalizer in normalizers)
        {
            switch (RequireText(normalizer, "type"))
            {
                case "Precompiled":
                    map = CharacterMap.Parse(Require(normalizer, "precompiled_charsmap").GetBytesFromBase64());
                    break;
                case "Strip":
                case "Replace" when Require(normalizer, "pattern").TryGetProperty("Regex", out var pattern) && pattern.GetString() == RepeatedSpaces:
                    break; // What every T5 tokenizer does with spaces anyway.
                case var other:
                    throw new InvalidDataException($"a normalizer of type {other} is not supported");
            }
        }

        return map;
    }

    private static JsonObject WriteNormalizer(CharacterMap? map)
    {
        var steps = new JsonArray();
        if (map is not null)
        {
            steps.Add((JsonNode)new JsonObject { ["type"] = "Precompiled", ["precompiled_charsmap"] = Convert.ToBase64String(map.ToBlob()) });
        }

        steps.Add((JsonNode)new JsonObject { ["type"] = "Strip", ["strip_left"] = true, ["strip_right"] = true });
        steps.Add((JsonNode)new JsonObject { ["type"] = "Replace", ["pattern"] = new JsonObject { ["Regex"] = RepeatedSpaces }, ["content"] = " " });
        return new JsonObject { ["type"] = "Sequence", ["normalizers"] = steps };
    }

    private static bool AddsPrefix(JsonElement root)
    {
        var pre = Require(root, "pre_tokenizer");
        var steps = RequireText(pre, "type") == "Sequence" ? Require(pre, "pretokenizers").EnumerateArray() : Enumerable.Repeat(pre, 1);
        var metaspace = steps.FirstOrDefault(step => RequireText(step, "type") == "Metaspace");
        if (metaspace.ValueKind == JsonValueKind.Undefined)
        {
            throw new InvalidDataException("the pre-tokenizer is not Metaspace");
        }

        return metaspace.TryGetProperty("prepend_scheme", out var scheme)
            ? scheme.GetString() != "never"
            : !metaspace.TryGetProperty("add_prefix_space", out var add) || add.GetBoolean();
    }
}
