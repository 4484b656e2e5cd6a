using DistillGrpc.Contracts.V1;
using DistillGrpc.Hosting;
using DistillGrpc.Student.Training;
using DistillGrpc.Student.Training.Jobs;
using DistillGrpc.Student.Training.Reports;
using Microsoft.Extensions.Logging.Abstractions;

namespace DistillGrpc.Student.Tests.Training.Reports;

public sealed class ReportPartsTests
{
    [Fact]
    public void Samples_MoreRowsThanWanted_ShowsTheFirstWithoutWhatNobodyLooksAt()
    {
        var rows = Rows(3);
        rows[0].Teaching = new Teaching { Agreement = 1 };

        var samples = ReportSamples.Of(rows, Answers(3), wanted: 2).ToArray();

        Assert.Equal(["0", "1"], samples.Select(sample => sample.Example.Id));
        Assert.Equal(("label 1", "rationale 1"), (samples[1].Label, samples[1].Rationale));
        Assert.Null(samples[0].Example.Teaching);
        Assert.NotNull(rows[0].Teaching);
    }

    [Fact]
    public void Samples_LargeRows_EndBeforeAMebibyte()
    {
        var rows = Rows(5);
        foreach (var row in rows)
        {
            row.Segments.Add(new string('x', 300_000));
        }

        Assert.Equal(3, ReportSamples.Of(rows, Answers(5), wanted: 5).Count());
    }

    [Theory]
    [InlineData(0, 10)]
    [InlineData(4, 4)]
    public void Wanted_Spec_IsTenUnlessSaid(int asked, int expected) => Assert.Equal(expected, ReportSamples.Wanted(new TrainingSpec { Report = new ReportOptions { Samples = asked } }));

    [Fact]
    public void Record_RowsOfTwoTeachers_NamesEachPromptAndModelOnce()
    {
        Example[] rows = [Taught("gpt", "bb"), Taught("gpt", "aa"), Taught("t5", ""), new Example { Id = "untaught" }];
        var asked = new TrainingSpec { ModelId = "m", EvaluationDataset = "datasets/e" };

        var record = RunRecord.Of(asked, "datasets/d", rows, threads: 3);

        Assert.Equal((asked, "datasets/d", "datasets/e", 3), (record.Spec, record.Dataset, record.EvaluationDataset, record.Threads));
        Assert.Equal(["aa", "bb"], record.PromptHashes);
        Assert.Equal(["gpt", "t5"], record.TeacherModels);
        Assert.Equal(["distill-student", "dotnet", "libtorch", "os"], record.Software.Keys.Where(name => name != "processor").Order(StringComparer.Ordinal));
    }

    [Theory]
    [InlineData("processor\t: 0|model name\t: Some CPU: 3 GHz|model name\t: other", "Some CPU: 3 GHz")]
    [InlineData("processor\t: 0|Features\t: fp", "")]
    public void Processor_LinesOfLinux_IsTheModelsName(string lines, string expected) => Assert.Equal(expected, RunSoftware.ProcessorOf(lines.Split('|')));

    [Fact]
    public void Tell_EventsOfAPhase_AreMarkedAndOnlyThoseThatAreNotTakenForTheStudents()
    {
        var told = new List<TrainingEvent>();
        var events = new PhaseEvents(TrainingPhase.Baseline, told.Add);

        foreach (var happened in new TrainingEvent[]
        {
            new() { Started = new TrainingStarted() }, new() { Progress = new TrainingProgress { Step = 1 } }, new() { Checkpoint = new CheckpointWritten() },
            new() { Evaluation = new Evaluation() }, new() { Warning = new TrainingWarning { Reason = "ROLLED_BACK", Message = "back" } },
        })
        {
            events.Tell(happened);
        }

        Assert.Equal([TrainingEvent.EventOneofCase.Progress, TrainingEvent.EventOneofCase.Evaluation, TrainingEvent.EventOneofCase.Warning], told.Select(happened => happened.EventCase));
        Assert.Equal((TrainingPhase.Baseline, TrainingPhase.Baseline), (told[0].Progress.Phase, told[1].Evaluation.Phase));
        Assert.Equal("The student that is learnt for comparison: back", told[2].Warning.Message);
    }

    [Fact]
    public void Add_RowsThatAreAnswered_TellsTheLastOfThemAtOnce()
    {
        var told = new List<TrainingEvent>();
        var progress = new AnswerProgress(TrainingPhase.Answers, total: 5, told.Add);

        progress.Add(3);
        progress.Add(2);

        var last = told[^1].Progress;
        Assert.Equal((TrainingPhase.Answers, 5, 5, TimeSpan.Zero), (last.Phase, last.Step, last.TotalSteps, last.Remaining.ToTimeSpan()));
    }

    [Fact]
    public void Write_Report_LeavesRowsOut()
    {
        using var folder = new TemporaryFolder();

        ReportFile.Write(folder.Path, new TrainingReport { TeacherExamples = 3, Samples = { new ReportSample { Label = "secret" } } });

        Assert.Equal(new TrainingReport { TeacherExamples = 3 }, TrainingReport.Parser.ParseJson(File.ReadAllText(Path.Combine(folder.Path, "report.json"))));
    }

    [Fact]
    public void Make_StudentThatCannotBeRead_LeavesTheCheckOutWithAWarning()
    {
        using var folder = new TemporaryFolder();
        using var state = new StateDirectory(folder.Path, "test");
        var (job, warnings) = (new JobFolder(state, "a").Create(), new List<string>());
        Directory.CreateDirectory(job.Student);
        var spec = RunSpec.Check(new TrainingSpec { ModelId = "m", Preset = "micro", Mode = TrainingMode.LabelOnly });
        var run = new RunPhases(spec, [], Rows(1), new Grouping(), null, job, state, new StudentOptions(), told => warnings.Add(told.Warning.Reason), () => false, CancellationToken.None);

        var report = new RunReport(run, new TrainingResult(), new ReproducibilityRecord(), null, NullLogger.Instance).Make();

        Assert.Null(report.Int8Check);
        Assert.Equal(["REPORT_INCOMPLETE", "INT8_CHECK_FAILED"], warnings);
        Assert.Empty(Directory.GetFiles(job.Student));
    }

    private static Example[] Rows(int count) => [.. Enumerable.Range(0, count).Select(i => new Example { Id = $"{i}" })];

    private static StudentAnswer[] Answers(int count) => [.. Enumerable.Range(0, count).Select(i => new StudentAnswer($"label {i}", $"rationale {i}", ""))];

    private static Example Taught(string model, string hash) => new() { Teaching = new Teaching { Provenance = new Provenance { Model = model, PromptHash = hash } } };
}
