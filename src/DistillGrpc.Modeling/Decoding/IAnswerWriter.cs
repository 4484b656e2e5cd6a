using DistillGrpc.Modeling.Engines;

namespace DistillGrpc.Modeling.Decoding;

/// <summary>A way to write, behind the forced prefix: see <see cref="Generation"/>.</summary>
internal interface IAnswerWriter : IDisposable
{
    int Rows { get; }

    bool IsDone { get; }

    IReadOnlyList<int> Tokens { get; }

    IReadOnlyList<float> LogProbabilities { get; }

    IReadOnlyList<IReadOnlyList<LikelyToken>> TopLogProbabilities { get; }

    IReadOnlyList<GeneratedAnswer> Answers { get; }

    void Collect(List<StepRow> rows);

    void Take(ReadOnlySpan<float> logits);
}
