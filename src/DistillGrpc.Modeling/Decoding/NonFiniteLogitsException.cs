namespace DistillGrpc.Modeling.Decoding;

/// <summary>The model gave a logit that is no finite number, so there is no next token; the answer cannot go on.</summary>
public sealed class NonFiniteLogitsException() : ArithmeticException("The model's logits are not finite numbers.");
