namespace DistillGrpc.Modeling.Tokenizers;

/// <summary>
/// Turns text into a model's input ids and ids back into text. Immutable after construction, so one instance may be
/// used from any number of threads. No text makes it throw: lone surrogates are read as U+FFFD, what the vocabulary
/// does not know becomes <see cref="UnkId"/>.
/// </summary>
public interface ITokenizer
{
    /// <summary>Id that fills up a batch; 0 in T5 and ByT5, where it also starts the decoder.</summary>
    int PadId { get; }

    /// <summary>Id that ends a sequence; 1 in T5 and ByT5.</summary>
    int EosId { get; }

    /// <summary>Id of what the vocabulary does not know; 2 in T5 and ByT5.</summary>
    int UnkId { get; }

    /// <summary>Number of ids, sentinels included. A model's embedding may be padded beyond it (T5: 32,100 of 32,128).</summary>
    int VocabularySize { get; }

    /// <summary>Ids of a text, without the end-of-sequence id.</summary>
    /// <param name="text">Any string, also an empty one.</param>
    /// <param name="parseSpecialTokens">
    /// Whether <c>&lt;/s&gt;</c>, <c>&lt;extra_id_0&gt;</c> and the like in the text become their ids. Leave it off for text
    /// that a user sent: there they are ordinary characters.
    /// </param>
    int[] Encode(string text, bool parseSpecialTokens = false);

    /// <summary>Text of ids. Ids outside the vocabulary, such as those of a padded embedding, give nothing.</summary>
    /// <param name="ids">Any ids.</param>
    /// <param name="skipSpecialTokens">Whether special tokens are left out, the unknown token among them.</param>
    string Decode(ReadOnlySpan<int> ids, bool skipSpecialTokens = true);

    /// <summary>
    /// How an id is written by itself: with the space before it, a special token by its name, a byte that is no character alone
    /// as <c>&lt;0xC3&gt;</c>, an id outside the vocabulary as nothing.
    /// </summary>
    /// <param name="id">Any id.</param>
    string Token(int id);

    /// <summary>A decoder for ids that arrive one by one: its deltas, concatenated, equal <see cref="Decode"/> of all the ids.</summary>
    /// <param name="skipSpecialTokens">As in <see cref="Decode"/>.</param>
    ITokenDecoder CreateDecoder(bool skipSpecialTokens = true);

    /// <summary>
    /// Writes the tokenizer's files into a Hugging Face model directory, creating it where needed. What was loaded from
    /// files is written back byte for byte.
    /// </summary>
    /// <param name="directory">The model's directory.</param>
    void Save(string directory);
}
