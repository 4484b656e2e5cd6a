namespace DistillGrpc.Modeling.Tokenizers;

/// <summary>Reads <c>spiece.model</c>, a SentencePiece ModelProto (sentencepiece_model.proto; field numbers are from there).</summary>
internal static class SentencePieceModel
{
    private const int Unigram = 1;

    /// <summary>Reads the vocabulary.</summary>
    /// <exception cref="InvalidDataException">The file is damaged or asks for something T5 models do not use.</exception>
    public static UnigramVocabulary Read(ReadOnlySpan<byte> file)
    {
        var pieces = new List<Piece>();
        var trainer = new Trainer();
        var rules = new NormalizerRules(null);
        var reader = new ProtoReader(file);
        while (reader.Next())
        {
            switch (reader.Field)
            {
                case 1:
                    pieces.Add(ReadPiece(reader.Bytes));
                    break;
                case 2:
                    trainer = ReadTrainer(reader.Bytes);
                    break;
                case 3:
                    rules = ReadNormalizer(reader.Bytes);
                    break;
            }
        }

        if (trainer.ModelType != Unigram || trainer.SpaceAsSuffix)
        {
            throw new InvalidDataException("only Unigram models with a space in front of a word are supported");
        }

        return new UnigramVocabulary(pieces, rules, trainer.ByteFallback);
    }

    /// <summary>What <see cref="Read"/> and SentencePiece read.</summary>
    public static byte[] Write(UnigramVocabulary vocabulary)
    {
        var model = new ProtoWriter();
        foreach (var piece in vocabulary.Pieces)
        {
            model.Bytes(1, new ProtoWriter().Text(1, piece.Text).Single(2, piece.Score).Number(3, (long)piece.Kind).ToArray());
        }

        var trainer = new ProtoWriter().Number(3, Unigram).Number(4, vocabulary.Pieces.Count).Number(35, vocabulary.ByteIds is null ? 0 : 1)
            .Number(40, vocabulary.UnkId).Number(41, -1).Number(42, vocabulary.EosId).Number(43, vocabulary.PadId);
        var normalizer = new ProtoWriter().Text(1, "custom").Bytes(2, vocabulary.Rules.Map?.ToBlob() ?? [])
            .Number(3, vocabulary.Rules.AddDummyPrefix ? 1 : 0).Number(4, vocabulary.Rules.RemoveExtraWhitespaces ? 1 : 0).Number(5, 1);
        return model.Bytes(2, trainer.ToArray()).Bytes(3, normalizer.ToArray()).ToArray();
    }

    private static Piece ReadPiece(ReadOnlySpan<byte> message)
    {
        var text = "";
        var score = 0f;
        var kind = PieceKind.Normal;
        var reader = new ProtoReader(message);
        while (reader.Next())
        {
            switch (reader.Field)
            {
                case 1:
                    text = reader.Text;
                    break;
                case 2:
                    score = reader.Single;
                    break;
                case 3:
                    kind = (PieceKind)reader.Int32;
                    break;
            }
        }

        return new Piece(text, score, kind);
    }

    private static Trainer ReadTrainer(ReadOnlySpan<byte> message)
    {
        var trainer = new Trainer();
        var reader = new ProtoReader(message);
        while (reader.Next())
        {
            trainer = reader.Field switch
            {
                3 => trainer with { ModelType = reader.Int32 },
                24 => trainer with { SpaceAsSuffix = reader.Bool },
                35 => trainer with { ByteFallback = reader.Bool },
                _ => trainer,
            };
        }

        return trainer;
    }

    private static NormalizerRules ReadNormalizer(ReadOnlySpan<byte> message)
    {
        var rules = new NormalizerRules(null);
        var reader = new ProtoReader(message);
        while (reader.Next())
        {
            rules = reader.Field switch
            {
                2 => rules with { Map = reader.Bytes.IsEmpty ? null : CharacterMap.Parse(reader.Bytes) },
                3 => rules with { AddDummyPrefix = reader.Bool },
                4 => rules with { RemoveExtraWhitespaces = reader.Bool },
                5 when !reader.Bool => throw new InvalidDataException("a model that does not escape spaces is not supported"),
                _ => rules,
            };
        }

        return rules;
    }

    private readonly record struct Trainer(int ModelType, bool SpaceAsSuffix, bool ByteFallback)
    {
        /// <summary>The proto's defaults.</summary>
        public Trainer() : this(Unigram, false, false)
        {
        }
    }
}
