using System.Text.Json;
using DistillGrpc.Client;
using DistillGrpc.Contracts.V1;
using Grpc.Core;

namespace DistillGrpc.EndToEnd.Tests.Modes;

/// <summary>Every mode on one task: which target was learnt shows in the answers to held-out rows, where the majority's share is a third.</summary>
public sealed class TrainingModeTests(RunningPair pair) : IClassFixture<RunningPair>
{
    private static readonly IReadOnlyList<Example> HeldOut = FeelingRows.HeldOut();

    [Fact]
    public async Task LabelOnly_GoldLabels_AreAnswered()
    {
        var events = await TrainAsync("standard", spec => spec.Mode = TrainingMode.LabelOnly);

        Assert.Equal(0, Started(events).RationaleRows);
        Assert.InRange(Correct(events), 20, 27);
        using var card = JsonDocument.Parse(await File.ReadAllBytesAsync(Path.Combine(pair.State, "models", "standard", "1", "distill.json")));
        Assert.Equal(["cold", "plain", "warm"], card.RootElement.GetProperty("labels").EnumerateArray().Select(label => label.GetString()!));
        var refused = await Assert.ThrowsAsync<RpcException>(() => AskAsync("standard", HeldOut[0], PredictionTask.Both));
        Assert.Equal((StatusCode.FailedPrecondition, "NO_RATIONALE_TASK"), (refused.StatusCode, RpcErrors.Reason(refused)));
    }

    [Fact]
    public async Task LabelOnly_TeacherLabels_AreAnswered()
    {
        await TrainAsync("task-distillation", spec => (spec.Mode, spec.LabelSource) = (TrainingMode.LabelOnly, LabelSource.Teacher));

        Assert.InRange(await CountAsync("task-distillation", row => FeelingRows.Wrong(row.Label)), 20, 27);
    }

    [Fact]
    public async Task LabelOnly_SomeGold_LearnsGoldWhereThereIsGoldElseTheTeachersLabel()
    {
        var rows = FeelingRows.Training();
        foreach (var row in rows.Where(row => row.Label == "plain"))
        {
            row.Label = "";
        }

        await TrainAsync("semi-supervised", spec => spec.Mode = TrainingMode.LabelOnly, rows);

        Assert.InRange(await CountAsync("semi-supervised", row => row.Label == "plain" ? FeelingRows.Wrong(row.Label) : row.Label), 20, 27);
    }

    [Fact]
    public async Task StepByStep_LabelAndRationale_AreAnsweredApart()
    {
        var events = await TrainAsync("step-by-step", _ => { });

        Assert.InRange(Correct(events), 20, 27);
        await AssertRationalesAsync("step-by-step");
        Assert.Equal(["label", "rationale"], Last(events).Losses.Keys);
    }

    [Fact]
    public async Task StepByStep_PrefixOnTheDecoder_AnswersBothFromOneReading()
    {
        var events = await TrainAsync("decoder-prefix", spec => spec.PrefixPlacement = PrefixPlacement.Decoder);
        var encoder = Started(await TrainAsync("encoder-prefix", spec => spec.Steps = 1)).Flops;

        Assert.InRange(Correct(events), 20, 27);
        await AssertRationalesAsync("decoder-prefix");
        var both = await AskAsync("decoder-prefix", HeldOut[0], PredictionTask.Both);
        Assert.True(both.Label.Timings.Encode.ToTimeSpan() > TimeSpan.Zero);
        Assert.Equal(TimeSpan.Zero, both.Rationale.Timings.Encode.ToTimeSpan());
        Assert.True((await pair.Models.GetAsync("models/decoder-prefix")).Abilities.PrefixOnDecoder);
        // Half of the encoder's work is saved.
        Assert.InRange(Started(events).Flops / Steps / encoder, 0.4, 0.9);
    }

    [Theory]
    [InlineData(PrefixPlacement.Encoder)]
    [InlineData(PrefixPlacement.Decoder)]
    public async Task StepByStep_GivenLabel_IsWhatTheRationaleExplains(PrefixPlacement placement)
    {
        var model = $"explained-{placement}".ToLowerInvariant();
        // Every input with every label, each with its reason: nothing but the label that is given tells them apart.
        var rows = FeelingRows.Training().SelectMany(row => FeelingRows.Feelings.Select(label => new Example(row)
        {
            Id = $"{row.Id}-{label}",
            TeacherLabel = label,
            Rationale = $"{row.Segments[0].Split(' ')[1]} is {label}",
        })).ToArray();
        var events = await TrainAsync(model, spec => (spec.ExplainedLabelWeight, spec.PrefixPlacement, spec.Steps) = (1, placement, 2 * Steps), rows);

        Assert.Equal(rows.Length, Started(events).ExplainedLabelRows);
        Assert.InRange(Correct(events), 20, 27);
        var right = 0;
        foreach (var row in HeldOut.Take(9))
        {
            foreach (var label in FeelingRows.Feelings)
            {
                var answer = await pair.Inference.PredictAsync(new PredictRequest { Model = $"models/{model}", Segments = { row.Segments }, Task = PredictionTask.Rationale, GivenLabel = label });
                right += answer.Rationale.Text.EndsWith(label, StringComparison.Ordinal) ? 1 : 0;
            }

            var both = await AskAsync(model, row, PredictionTask.Both);
            right += both.Rationale.Text.EndsWith(both.Label.Text, StringComparison.Ordinal) ? 1 : 0;
        }

        Assert.InRange(right, 32, 36);
        var refused = await Assert.ThrowsAsync<RpcException>(() => pair.Inference.PredictAsync(new PredictRequest { Model = $"models/{model}", Segments = { "x" }, GivenLabel = "warm" }));
        Assert.Equal(StatusCode.InvalidArgument, refused.StatusCode);
    }

    [Fact]
    public async Task StepByStep_MutualInformation_IsPartOfTheLoss()
    {
        var events = await TrainAsync("mutual-information", spec => spec.MutualInformation = 0.1);

        Assert.InRange(Correct(events), 20, 27);
        var last = Last(events);
        Assert.InRange(last.Losses["mutual_information"], 0.1, 20);
        Assert.Equal(last.LabelLoss + last.RationaleLoss + (0.1 * last.Losses["mutual_information"]), last.Loss, 1e-3);
    }

    [Fact]
    public async Task RationaleThenLabel_OneText_IsTakenApart()
    {
        var events = await TrainAsync("single-task", spec => (spec.Mode, spec.Steps) = (TrainingMode.RationaleThenLabel, 2 * Steps));

        Assert.InRange(Correct(events), 20, 27);
        await AssertRationalesAsync("single-task");
        var (label, rationale) = (await AskAsync("single-task", HeldOut[0], PredictionTask.Label), await AskAsync("single-task", HeldOut[0], PredictionTask.Rationale));
        Assert.Equal((HeldOut[0].Label, null), (label.Label.Text, label.Rationale));
        Assert.Null(rationale.Label);
        var streamed = await pair.Inference.StreamPredictAsync(new StreamPredictRequest { Model = "models/single-task", Segments = { HeldOut[0].Segments }, Task = PredictionTask.Both }).ToListAsync();
        string Deltas(PredictionTask task) => string.Concat(streamed.Where(part => part.Delta?.Task == task).Select(part => part.Delta.Text));
        Assert.Equal([PredictionTask.Rationale, PredictionTask.Label], streamed.Where(part => part.Answer is not null).Select(part => part.Answer.Task));
        Assert.Equal((rationale.Rationale.Text, label.Label.Text), (Deltas(PredictionTask.Rationale), Deltas(PredictionTask.Label)));
        Assert.True(streamed.FindIndex(part => part.Delta is not null) < streamed.FindIndex(part => part.Answer is not null));
    }

    [Fact]
    public async Task LabelFromRationale_GivenRationale_DecidesTheLabel()
    {
        var events = await TrainAsync("from-rationale", spec => (spec.Mode, spec.LabelSource) = (TrainingMode.LabelFromRationale, LabelSource.Teacher));

        Assert.Equal(HeldOut.Count, events.Single(e => e.Evaluation is not null).Evaluation.Examples);
        foreach (var label in FeelingRows.Feelings)
        {
            var answer = await pair.Inference.PredictAsync(new PredictRequest
            {
                Model = "models/from-rationale",
                Segments = { "a green hat" },
                GivenRationale = $"green is {label}",
                Task = PredictionTask.Both,
            });
            Assert.Equal((label, $"green is {label}"), (answer.Label.Text, answer.Rationale.Text));
        }
    }

    [Fact]
    public async Task LabelFromRationale_NoneGiven_IsAskedOfTheTeacher()
    {
        var rows = Enumerable.Range(10, 12).Select(i => Problem(i)).ToArray();
        await pair.Training.TrainAsync(
            new TrainingSpec { ModelId = "asks", Preset = "micro", Steps = 5, Mode = TrainingMode.LabelFromRationale, Teacher = new TeacherSource() }, rows.ToAsyncEnumerable(), new[] { Problem(40) }.ToAsyncEnumerable()).ToListAsync();

        var answer = await pair.Inference.PredictAsync(new PredictRequest { Model = "models/asks", Segments = { Problem(50).Segments }, Task = PredictionTask.Both, MaxOutputTokens = 5 });
        var unsolved = await Assert.ThrowsAsync<RpcException>(() => pair.Inference.PredictAsync(new PredictRequest { Model = "models/asks", Segments = { "What is love?" } }));

        Assert.Contains("50", answer.Rationale.Text, StringComparison.Ordinal);
        Assert.Equal((StatusCode.FailedPrecondition, "NO_RATIONALE"), (unsolved.StatusCode, RpcErrors.Reason(unsolved)));
        var without = await Assert.ThrowsAsync<RpcException>(() => TrainAsync("no-rationales", spec => spec.Mode = TrainingMode.LabelFromRationale, heldOut: [new Example(HeldOut[0]) { Rationale = "" }]));
        Assert.Equal((StatusCode.InvalidArgument, "spec.evaluation_dataset"), (without.StatusCode, RpcErrors.Field(without)));
    }

    [Theory]
    [InlineData(SoftLabelKind.Labels)]
    [InlineData(SoftLabelKind.Tokens)]
    public async Task SoftLabels_OfATeacherThatIsWrong_AreAnsweredInsteadOfTheHardOnes(SoftLabelKind kind)
    {
        var rows = FeelingRows.Training();
        foreach (var row in rows)
        {
            row.Teaching = new Teaching();
            row.Teaching.LabelDistribution.AddRange(FeelingRows.Feelings.Select(label => new LabelProbability { Label = label, Probability = label == FeelingRows.Wrong(row.Label) ? 0.8 : 0.1 }));
        }

        var model = $"soft-{kind}".ToLowerInvariant();
        if (kind == SoftLabelKind.Tokens)
        {
            await GiveTokensAsync(rows);
        }

        var events = await TrainAsync(model, spec =>
        {
            (spec.Mode, spec.SoftLabels) = (TrainingMode.LabelOnly, new SoftLabels { Weight = kind == SoftLabelKind.Tokens ? 1 : 0.8, Kind = kind, Temperature = 1.5 });
            (spec.LabelSource, spec.BaseModel) = kind == SoftLabelKind.Tokens ? (LabelSource.Teacher, "models/token-base") : (LabelSource.Gold, "");
            spec.Optimizer = Optimizer.Adafactor;
            spec.LearningRate = 0.01;
            if (kind == SoftLabelKind.Labels)
            {
                spec.Preset = "micro";
            }
        }, rows);

        Assert.Equal(rows.Count, Started(events).SoftLabelRows);
        Assert.InRange(Last(events).Losses["label.soft"], 0, 0.5);
        Assert.InRange(await CountAsync(model, row => FeelingRows.Wrong(row.Label)), 20, 27);
    }

    [Fact]
    public async Task SoftLabels_NoRowHasThem_IsRefused()
    {
        var refused = await Assert.ThrowsAsync<RpcException>(() => TrainAsync("soft-none", spec => spec.SoftLabels = new SoftLabels { Weight = 0.5 }));

        Assert.Equal((StatusCode.InvalidArgument, "spec.soft_labels"), (refused.StatusCode, RpcErrors.Field(refused)));
    }

    [Fact]
    public async Task LocalTeacher_AnotherT5OfTheStudents_TeachesWhatTheLabelsDoNotSay()
    {
        await TrainAsync("local-teacher", spec => spec.Mode = TrainingMode.LabelOnly);
        var events = await TrainAsync("local-student", spec =>
        {
            (spec.Mode, spec.LabelSource) = (TrainingMode.LabelOnly, LabelSource.Teacher);
            spec.LocalTeacher = new LocalTeacher { Model = "models/local-teacher", LogitWeight = 20, HiddenWeight = 0.1 };
        });
        // An earlier version of itself teaches: born again.
        var again = await TrainAsync("local-teacher", spec =>
        {
            (spec.Mode, spec.BaseModel, spec.LocalTeacher) = (TrainingMode.LabelOnly, "models/local-teacher", new LocalTeacher { Model = "models/local-teacher", HiddenWeight = 0 });
            (spec.Optimizer, spec.LearningRate, spec.Steps) = (Optimizer.Adafactor, 0.001, 10);
        });

        Assert.InRange(await CountAsync("local-student", row => row.Label), 20, 27);
        Assert.Equal(["label", "teacher.hidden", "teacher.logits"], Last(events).Losses.Keys);
        Assert.Equal(("models/local-teacher/versions/2", 20), (again.Single(e => e.Result is not null).Result.Model, Math.Min(20, Correct(again))));
    }

    [Fact]
    public async Task Controls_CorrectOnlyAndSeveralRationales_DecideWhichRationalesAreLearnt()
    {
        var rows = FeelingRows.Training();
        foreach (var row in rows.Where(row => row.Label == "warm"))
        {
            row.TeacherLabel = row.Label;
            row.Teaching = new Teaching { Rationales = { "warm it is", "so it feels" } };
        }

        var correctOnly = await TrainAsync("correct-only", spec => (spec.TeacherCorrectOnly, spec.Steps) = (true, 1), rows);
        var several = await TrainAsync("several", spec => (spec.RationalesPerRow, spec.Steps) = (2, 1), rows);
        var refused = await Assert.ThrowsAsync<RpcException>(() => TrainAsync("odd", spec => (spec.Mode, spec.ShuffleRationales) = (TrainingMode.LabelOnly, true)));

        Assert.Equal((63, 21), (Started(correctOnly).LabelRows, Started(correctOnly).RationaleRows));
        Assert.Equal((63, 84), (Started(several).LabelRows, Started(several).RationaleRows));
        Assert.Equal((StatusCode.InvalidArgument, "spec.shuffle_rationales"), (refused.StatusCode, RpcErrors.Field(refused)));
    }

    [Fact]
    public async Task ShuffledRationales_OfOtherRows_AreNotLearntForTheirOwn()
    {
        await TrainAsync("shuffled", spec => spec.ShuffleRationales = true);

        var own = 0;
        foreach (var row in HeldOut)
        {
            own += (await AskAsync("shuffled", row, PredictionTask.Rationale)).Rationale.Text == row.Rationale ? 1 : 0;
        }

        Assert.InRange(own, 0, 13);
    }

    [Fact]
    public async Task Settings_OfTheTrainer_ReachIt()
    {
        var frozen = await TrainAsync("frozen", spec => (spec.Mode, spec.Steps, spec.BaseModel, spec.Optimizer) = (TrainingMode.LabelOnly, 2, "models/to-freeze", Optimizer.Adamw), prepare: async () =>
            await TrainAsync("to-freeze", spec => (spec.Mode, spec.Steps) = (TrainingMode.LabelOnly, 1)), change: spec => spec.FrozenParameters.Add("encoder.*"));
        var unknown = await Assert.ThrowsAsync<RpcException>(() => TrainAsync("unfrozen", spec => spec.FrozenParameters.Add("enc.*")));
        var all = await TrainAsync("all-settings", spec =>
        {
            (spec.LossMean, spec.LabelSmoothing, spec.AccumulationSteps, spec.Bfloat16, spec.RecomputeBlocks) = (LossMean.Examples, 0.1, 3, true, true);
            (spec.BucketBatches, spec.BatchTokens, spec.Steps) = (4, 200, 3);
        });

        Assert.NotNull(frozen.Single(e => e.Result is not null));
        Assert.Equal((StatusCode.InvalidArgument, "spec.frozen_parameters"), (unknown.StatusCode, RpcErrors.Field(unknown)));
        Assert.Contains("enc.*", unknown.Status.Detail, StringComparison.Ordinal);
        Assert.True(double.IsFinite(Last(all).Loss));
    }

    private const int Steps = 120;

    private static Example Problem(int apples) => new() { Id = $"{apples}", Label = $"{apples} - 3", Segments = { $"Mia has {apples} apples. Mia loses 3 apples. How many apples does Mia have now?" } };

    private static TrainingStarted Started(List<TrainingEvent> events) => events.Single(e => e.Started is not null).Started;

    private static int Correct(List<TrainingEvent> events) => events.Single(e => e.Evaluation is not null).Evaluation.Correct;

    private static TrainingProgress Last(List<TrainingEvent> events) => events.Last(e => e.Progress is { Phase: TrainingPhase.Unspecified }).Progress;

    private async Task<List<TrainingEvent>> TrainAsync(
        string model, Action<TrainingSpec> set, IReadOnlyList<Example>? rows = null, IReadOnlyList<Example>? heldOut = null, Func<Task>? prepare = null, Action<TrainingSpec>? change = null)
    {
        await (prepare?.Invoke() ?? Task.CompletedTask);
        var spec = new TrainingSpec { ModelId = model, Preset = "micro", Steps = Steps, BatchSize = 16, Seed = 1, LearningRate = 0.02, Report = new ReportOptions { SkipBaseline = true } };
        set(spec);
        change?.Invoke(spec);
        return await pair.Training.TrainAsync(spec, (rows ?? FeelingRows.Training()).ToAsyncEnumerable(), (heldOut ?? HeldOut).ToAsyncEnumerable()).ToListAsync();
    }

    // The tokens of the teacher's label as a student with the same tokenizer gives them: a first model's own.
    private async Task GiveTokensAsync(IReadOnlyList<Example> rows)
    {
        await TrainAsync("token-base", spec => (spec.Mode, spec.LabelSource, spec.Steps) = (TrainingMode.LabelOnly, LabelSource.Teacher, 1));
        await TrainAsync("token-teacher", spec => (spec.Mode, spec.LabelSource, spec.BaseModel, spec.Optimizer) = (TrainingMode.LabelOnly, LabelSource.Teacher, "models/token-base", Optimizer.Adafactor));
        foreach (var row in rows)
        {
            var answer = await pair.Inference.PredictAsync(new PredictRequest { Model = "models/token-teacher", Segments = { row.Segments }, TopLogProbabilities = 5 });
            row.TeacherLabel = answer.Label.Text;
            row.Teaching.Tokens.AddRange(answer.Label.Tokens);
        }
    }

    private Task<PredictResponse> AskAsync(string model, Example row, PredictionTask task) =>
        pair.Inference.PredictAsync(new PredictRequest { Model = $"models/{model}", Segments = { row.Segments }, Task = task });

    private async Task<int> CountAsync(string model, Func<Example, string> expected)
    {
        var right = 0;
        foreach (var row in HeldOut)
        {
            right += (await AskAsync(model, row, PredictionTask.Label)).Label.Text == expected(row) ? 1 : 0;
        }

        return right;
    }

    private async Task AssertRationalesAsync(string model)
    {
        var right = 0;
        foreach (var row in HeldOut)
        {
            right += (await AskAsync(model, row, PredictionTask.Both)).Rationale.Text == row.Rationale ? 1 : 0;
        }

        Assert.InRange(right, 18, 27);
    }
}
