namespace DistillGrpc.Teacher.Symbolic;

/// <summary>What a sentence of a word problem does.</summary>
internal enum SentenceKind
{
    /// <summary>Someone has some things.</summary>
    Start,

    /// <summary>Someone gets more.</summary>
    Gain,

    /// <summary>Someone has fewer than before.</summary>
    Loss,

    /// <summary>Someone gets several packs of the same size.</summary>
    Packs,

    /// <summary>Someone hands things to someone else.</summary>
    Gift,

    /// <summary>A number that has nothing to do with it.</summary>
    Aside,

    /// <summary>How many things someone has.</summary>
    Question,
}
