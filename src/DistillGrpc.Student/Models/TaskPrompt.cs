using DistillGrpc.Modeling.Tokenizers;

namespace DistillGrpc.Student.Models;

/// <summary>What a student is asked with.</summary>
/// <param name="Input">What its encoder reads.</param>
/// <param name="DecoderPrefix">What its decoder is made to begin with; empty where the task's prefix is on the encoder.</param>
internal sealed record TaskPrompt(EncodedInput Input, IReadOnlyList<int> DecoderPrefix);
