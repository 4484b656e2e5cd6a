namespace DistillGrpc.Modeling.Tokenizers;

/// <summary>Decodes one sequence of ids as it grows. Holds state: one instance per sequence, one thread at a time.</summary>
public interface ITokenDecoder
{
    /// <summary>Text that became certain with this id; empty while it is held back (trailing spaces, half a character).</summary>
    /// <param name="id">The next id.</param>
    string Append(int id);

    /// <summary>Text held back until the end. Call it once, after the last id.</summary>
    string Flush();
}
