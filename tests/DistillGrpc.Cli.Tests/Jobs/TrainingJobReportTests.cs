using System.Xml.Linq;
using DistillGrpc.Cli.Jobs;
using DistillGrpc.Contracts.V1;

namespace DistillGrpc.Cli.Tests.Jobs;

public sealed class TrainingJobReportTests
{
    private static readonly TrainingReport Report = new()
    {
        Evaluation = new Evaluation
        {
            Examples = 10,
            Correct = 7,
            MajorityCorrect = 6,
            MacroF1 = 0.65,
            Classes = { new ClassMetrics { Label = "yes", Examples = 6, Precision = 0.8, Recall = 0.75, F1 = 0.774 } },
            Confusion = { new ConfusionCell { Label = "yes", Predicted = "yes", Count = 4 }, new ConfusionCell { Label = "yes", Predicted = "", Count = 2 } },
        },
        Baseline = new Evaluation { Examples = 10, Correct = 5 },
        TeacherExamples = 8,
        TeacherCorrect = 6,
        Faithfulness = new RationaleFaithfulness { Rationale = new RationaleAgreement { Examples = 10, Stating = 8, StatingGiven = 6, ReadBack = 7, MajorityReadBack = 5 } },
        Int8Check = new Int8Check { Rows = 10, EqualLabels = 9, RationaleRows = 8, Float32RationaleLoss = 2, Int8RationaleLoss = 2.01, Refusal = "too few" },
        Calibration = new Calibration
        {
            Temperature = 1.75,
            FittedRows = 150,
            ReportRows = 140,
            Before = new ProbabilityFigures { Accuracy = 0.8, CalibrationError = 0.12, LogLoss = 0.7, BrierScore = 0.35, Bins = { new ReliabilityBin { Rows = 140, Probability = 0.9, Accuracy = 0.8 } } },
            After = new ProbabilityFigures { Accuracy = 0.8, CalibrationError = 0.02, LogLoss = 0.6, BrierScore = 0.3, Bins = { new ReliabilityBin { Rows = 140, Probability = 0.82, Accuracy = 0.8 } } },
            Risks = { Enumerable.Range(1, 20).Select(i => new RiskPoint { Coverage = i / 20.0, Risk = i / 100.0, MinProbability = 1 - (i / 40.0) }) },
            RiskArea = 0.1,
            EarlyStoppingRows = 140,
        },
        Samples = { new ReportSample { Example = new Example { Segments = { "Is it?" }, Label = "yes", Rationale = "It is." }, Label = "yes", Rationale = "It <is>." } },
    };

    [Fact]
    public void Text_OfAJobWithAReport_SaysAllOfIt()
    {
        var text = new TrainingJobReport(Job(Report)).Text();

        Assert.Contains("\nstudent: 7 of 10 right (70.0%), macro F1 0.650\nlabel only, as many steps: 5 of 10 right (50.0%)\nteacher: 6 of 8 right (75.0%)\nmost frequent label: 6 of 10 right (60.0%)\n", text, StringComparison.Ordinal);
        Assert.Contains("faithfulness: 10 rationales, 8 name a label, 75.0% of them the one that was given, the label is read back from 70.0% (the most frequent one: 50.0%)\nint8 beside float32: 9 of 10 labels agree, rationale loss 2.0000 in float32 and 2.0100 in int8 (+0.50%) on 8 rows: too few\n", text, StringComparison.Ordinal);
        Assert.Contains("\ncalibration: temperature 1.75 fitted to 150 rows; on 140 others the error goes from 12.0% to 2.0%, the log loss from 0.700 to 0.600, the Brier score from 0.350 to 0.300; early stopping has chosen the student by 140 of these, on which it does a little better than on others\n", text, StringComparison.Ordinal);
        Assert.Contains("\nwrong of the surest: 10.0% of 50% (from probability 0.75), 16.0% of 80% (from probability 0.60), 18.0% of 90% (from probability 0.55), 20.0% of 100% (from probability 0.50), area 0.100\n", text, StringComparison.Ordinal);
        Assert.Matches("\nyes +6 +0.800 +0.750 +0.774\nyes answered as none of the classes: 2\n", text);
        Assert.EndsWith("\nIs it?\n  gold       yes\n  label      yes\n  rationale  It <is>.\n  teacher's  It is.", text, StringComparison.Ordinal);
    }

    [Fact]
    public void Text_OfAJobWithoutReport_SaysNothingOfIt()
    {
        var job = new TrainingJob { Name = "trainingJobs/a", State = TrainingJobState.Running, Spec = new TrainingSpec { ModelId = "m" } };

        Assert.Equal(TrainingJobs.Text(job), new TrainingJobReport(job).Text());
        Assert.NotNull(XDocument.Parse(new TrainingJobPage(job, new TrainingHistory([], [])).Text()).Root);
    }

    [Fact]
    public void Page_OfAJobWithAReport_HasCurvesByTaskAccuracyConfusionAndSamples()
    {
        var progress = Enumerable.Range(1, 5).Select(step => new TrainingProgress { Step = step, LearningRate = 0.1, Losses = { ["label"] = 1.0 / step, ["rationale"] = 2.0 / step, ["label.soft"] = 0.5 } }).ToArray();
        var history = new TrainingHistory(progress, [new Evaluation { Step = 2, Examples = 10, Correct = 3 }, Report.Evaluation]);

        var page = XDocument.Parse(new TrainingJobPage(Job(Report), history).Text());

        string[] titles = [.. page.Descendants("title").Select(title => title.Value)];
        Assert.Superset(new HashSet<string> { "Loss by task", "label", "rationale", "label.soft", "Learning rate", "Held-out rows right", "teacher: 75%", "most frequent label: 60%", "yes predicted as (other): 2 of 6", "Right, by probability", "Risk against coverage", "all rows answered: 20%" }, titles.ToHashSet());
        Assert.Contains(page.Descendants("td"), cell => cell.Value == "It <is>.");
    }

    [Fact]
    public void Page_OfTextsThatAModelWrote_KeepsWhatXmlCanHold()
    {
        var report = Report.Clone();
        report.Samples[0].Rationale = "\U0001F600 \u0001 it is";
        report.Evaluation.Confusion.Add(new ConfusionCell { Label = "\u0002no", Predicted = "12345\U0001F600\U0001F600", Count = 1 });

        var page = XDocument.Parse(new TrainingJobPage(Job(report), new TrainingHistory([], [])).Text());

        Assert.Contains(page.Descendants("td"), cell => cell.Value == "\U0001F600 \uFFFD it is");
        Assert.Contains(page.Descendants("title"), title => title.Value == "\uFFFDno predicted as 12345\U0001F600\U0001F600: 1 of 1");
    }

    [Fact]
    public void History_OfAJobWithABaseline_IsTheStudentsOwnAsItsStepsWereMadeLast()
    {
        TrainingEvent[] events =
        [
            new() { Progress = new TrainingProgress { Step = 1, LabelLoss = 3 } },
            new() { Progress = new TrainingProgress { Step = 2, LabelLoss = 9 } },
            new() { Progress = new TrainingProgress { Step = 2, LabelLoss = 2 } },
            new() { Evaluation = new Evaluation { Step = 2, Correct = 7 } },
            new() { Progress = new TrainingProgress { Step = 1, LabelLoss = 5, Phase = TrainingPhase.Baseline } },
            new() { Evaluation = new Evaluation { Step = 2, Correct = 4, Phase = TrainingPhase.Baseline } },
            new() { Progress = new TrainingProgress { Step = 2, TotalSteps = 10, Phase = TrainingPhase.Answers } },
        ];

        var history = TrainingHistory.Of(events);

        Assert.Equal([(1, 3.0), (2, 2.0)], history.Losses()["label"]);
        Assert.Equal(7, Assert.Single(history.Evaluations).Correct);
    }

    private static TrainingJob Job(TrainingReport report) => new()
    {
        Name = "trainingJobs/a",
        State = TrainingJobState.Succeeded,
        Spec = new TrainingSpec { ModelId = "m" },
        Result = new TrainingResult { Model = "models/m/versions/1", Report = report },
    };
}
