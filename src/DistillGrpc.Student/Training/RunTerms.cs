using DistillGrpc.Contracts.V1;
using DistillGrpc.Hosting;
using DistillGrpc.Modeling.T5;
using DistillGrpc.Modeling.Training;
using LocalTeacher = DistillGrpc.Modeling.Training.LocalTeacher;

namespace DistillGrpc.Student.Training;

/// <summary>What a run minimises beside its tasks' cross-entropies.</summary>
internal sealed class RunTerms : IDisposable
{
    private readonly T5Model? _teacher;

    /// <summary>Makes the terms that a spec asks for.</summary>
    /// <param name="spec">The run.</param>
    /// <param name="student">The student's shape.</param>
    /// <param name="rows">Its rows.</param>
    /// <param name="teacher">The local teacher, which is this object's from now on; null without one.</param>
    /// <exception cref="Grpc.Core.RpcException">The local teacher has another vocabulary.</exception>
    public RunTerms(RunSpec spec, T5Config student, RunRows rows, T5Model? teacher)
    {
        var terms = new List<LossTerm>();
        if (spec.Soft is { } soft)
        {
            var weight = spec.Weights.LabelWeight * soft.Weight;
            terms.Add(soft.Kind == SoftLabelKind.Tokens
                ? new TokenSoftLabels(TaskBatch.Label, weight, soft.Temperature)
                : new LabelSoftLabels(TaskBatch.Label, rows.LabelSet, weight, soft.Temperature));
        }

        if (spec.Source.MutualInformation > 0)
        {
            terms.Add(new MutualInformation(spec.Source.MutualInformation));
        }

        _teacher = teacher;
        if (spec.Local is { } local && _teacher is not null)
        {
            RpcFailure.Require(_teacher.Config.VocabularySize == student.VocabularySize, "spec.local_teacher.model", "has another vocabulary than the student");
            terms.Add(new LocalTeacher(_teacher, student, new LocalTeacherOptions
            {
                LogitWeight = local.LogitWeight,
                HiddenWeight = local.HiddenWeight,
                Temperature = local.Temperature,
                EncoderLayers = local.HiddenWeight > 0 ? LayerPair.Spread(student.EncoderLayers, _teacher.Config.EncoderLayers) : [],
                DecoderLayers = local.HiddenWeight > 0 ? LayerPair.Spread(student.DecoderLayers, _teacher.Config.DecoderLayers) : [],
                Seed = spec.Seed,
            }));
        }

        All = terms;
    }

    /// <summary>The terms.</summary>
    public IReadOnlyList<LossTerm> All { get; }

    public void Dispose()
    {
        foreach (var term in All)
        {
            term.Dispose();
        }

        _teacher?.Dispose();
    }
}
