using DistillGrpc.Modeling.T5;
using DistillGrpc.Modeling.Training;
using TorchSharp;
using static TorchSharp.torch;

namespace DistillGrpc.Modeling.Tests.Training;

public sealed class TrainerStateTests
{
    private static readonly TaskRow[] Labels = Tiny.Rows(40, seed: 1, longestTarget: 3);
    private static readonly TaskRow[] Rationales = Tiny.Rows(40, seed: 2);

    [Theory]
    [InlineData("adamw", 1, false, false)]
    [InlineData("adamw", 3, false, true)]
    [InlineData("adafactor", 1, false, true)]
    [InlineData("adafactor", 3, true, false)]
    public void Load_IntoFreshObjects_GoesOnAsTheUninterruptedRun(string optimizer, int parts, bool recompute, bool bfloat16)
    {
        using var scope = NewDisposeScope();
        using var folder = new TemporaryFolder();
        var options = new TrainerOptions { AccumulationSteps = parts, RecomputeBlocks = recompute, Bfloat16 = bfloat16 };
        var saved = Path.Combine(folder.Path, "step-10");
        var whole = new List<StepOutcome>();
        using (var run = new Run(optimizer, options, seed: 3))
        {
            run.Steps(20, whole);
        }

        var (first, second) = (new List<StepOutcome>(), new List<StepOutcome>());
        using (var run = new Run(optimizer, options, seed: 3))
        {
            run.Steps(10, first);
            run.Save(saved);
        }

        using (var run = new Run(optimizer, options, seed: 77))
        {
            run.Load(saved);
            run.Steps(10, second);
        }

        Assert.Equal(20, first.Count + second.Count);
        // In bfloat16 what the last bit of a float32 sum decides may be a 256th of a number.
        var tolerance = bfloat16 ? 0.2 : 1e-6;
        Assert.All(whole.Zip(first.Concat(second)), pair =>
        {
            Assert.Equal(pair.First.Loss, pair.Second.Loss, tolerance);
            Assert.Equal(pair.First["label"], pair.Second["label"], tolerance);
            Assert.Equal(pair.First["teacher.hidden"], pair.Second["teacher.hidden"], tolerance);
        });
    }

    [Theory]
    [InlineData("parameters.safetensors")]
    [InlineData("optimizer.safetensors")]
    [InlineData("state.json")]
    public void Load_FileDamagedCutOrMissing_IsRefusedByNameAndChangesNothing(string file)
    {
        using var scope = NewDisposeScope();
        using var folder = new TemporaryFolder();
        var saved = Path.Combine(folder.Path, "saved");
        using var run = new Run("adamw", new TrainerOptions(), seed: 3);
        run.Steps(2, []);
        run.Save(saved);
        run.Steps(1, []);
        var before = Tiny.Numbers(run.Model);
        var path = Path.Combine(saved, file);
        var sound = File.ReadAllBytes(path);
        void AssertRefused()
        {
            var refused = Assert.Throws<InvalidDataException>(() => run.Load(saved));
            Assert.Contains(file, refused.Message, StringComparison.Ordinal);
            Assert.DoesNotContain(folder.Path, refused.Message, StringComparison.Ordinal);
            Assert.Equal(before, Tiny.Numbers(run.Model));
        }

        var digit = file == "state.json" ? Array.FindIndex(sound, b => b is >= (byte)'1' and <= (byte)'8') : sound.Length / 2;
        File.WriteAllBytes(path, [.. sound[..digit], (byte)(sound[digit] ^ 1), .. sound[(digit + 1)..]]);
        AssertRefused();
        File.WriteAllBytes(path, sound[..(sound.Length / 2)]);
        AssertRefused();
        File.Delete(path);
        AssertRefused();
        File.WriteAllBytes(path, sound);
        run.Load(saved);
        Assert.NotEqual(before, Tiny.Numbers(run.Model));
    }

    [Fact]
    public void Load_OfAnotherOptimizer_IsRefusedByName()
    {
        using var scope = NewDisposeScope();
        using var folder = new TemporaryFolder();
        var saved = Path.Combine(folder.Path, "saved");
        using var run = new Run("adamw", new TrainerOptions(), seed: 3);
        run.Steps(1, []);
        run.Save(saved);
        using var other = new Run("adafactor", new TrainerOptions(), seed: 3);

        Assert.Contains("optimizer.safetensors", Assert.Throws<InvalidDataException>(() => other.Load(saved)).Message, StringComparison.Ordinal);
        Assert.Throws<IOException>(() => run.Save(saved));
    }

    /// <summary>Two tasks with dropout and a teacher's projections, on rows that arrive while it runs.</summary>
    private sealed class Run : IDisposable
    {
        private readonly Generator _dropout;
        private readonly T5Model _teacher = T5Model.Seeded(Tiny.Config with { ModelSize = 24, HeadSize = 6 }, 8);
        private readonly LocalTeacher _term;
        private readonly IOptimizer _optimizer;
        private readonly DistillationTrainer _trainer;
        private readonly List<TaskRow> _rows = [.. Labels[..15]];
        private readonly BatchSampler _sampler;
        private int _step;

        public Run(string optimizer, TrainerOptions options, int seed)
        {
            _dropout = new Generator((ulong)seed);
            T5Dropout.Generator = _dropout;
            Model = Tiny.Model(seed, dropout: 0.1);
            _term = new LocalTeacher(_teacher, Tiny.Config, new LocalTeacherOptions { LogitWeight = 0, EncoderLayers = [new(1, 1)], Seed = seed });
            var parameters = DistillationTrainer.LearntParameters(Model, [_term]);
            _optimizer = optimizer == "adamw" ? new AdamW(parameters, weightDecay: 0.01) : new Adafactor(parameters, new AdafactorOptions { RelativeStep = true, WarmupInit = true });
            _trainer = new DistillationTrainer(Model, _optimizer, options, [_term]);
            _sampler = new BatchSampler(_rows, 6, seed);
        }

        public T5Model Model { get; }

        public void Steps(int count, List<StepOutcome> outcomes)
        {
            for (var end = _step + count; _step < end; _step++)
            {
                var batch = _sampler.NextIndices();
                outcomes.Add(_trainer.Step(
                    [new("label", [.. batch.Select(i => _rows[i])]), new("rationale", [.. batch.Select(i => Rationales[i])], 0.5)], 2e-3));
                _rows.Add(Labels[_rows.Count]);
            }
        }

        public void Save(string folder) => TrainerState.Save(folder, _trainer, new TrainerPosition { Step = _step, Samplers = new Dictionary<string, BatchSamplerState> { ["rows"] = _sampler.State } });

        public void Load(string folder)
        {
            var position = TrainerState.Load(folder, _trainer);
            _step = (int)position.Step;
            _rows.AddRange(Labels[_rows.Count..Math.Max(_rows.Count, 15 + _step)]);
            _sampler.Restore(position.Samplers["rows"]);
        }

        public void Dispose()
        {
            _trainer.Dispose();
            _optimizer.Dispose();
            _term.Dispose();
            _teacher.Dispose();
            Model.Dispose();
            T5Dropout.Generator = null;
            _dropout.Dispose();
        }
    }
}
