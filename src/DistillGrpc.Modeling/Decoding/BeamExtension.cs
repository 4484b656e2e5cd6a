namespace DistillGrpc.Modeling.Decoding;

/// <summary>A beam and a token that may follow it.</summary>
/// <param name="Beam">Which beam.</param>
/// <param name="Place">The token's place among those that may follow.</param>
/// <param name="Score">The beam's score with it.</param>
internal readonly record struct BeamExtension(int Beam, int Place, double Score);
