using DistillGrpc.Contracts.V1;
using DistillGrpc.Hosting;
using DistillGrpc.Modeling.Scoring;
using DistillGrpc.Modeling.Tokenizers;
using DistillGrpc.Student.Datasets;
using DistillGrpc.Student.Serving.Requests;
using DistillGrpc.Student.Tests.Serving;
using DistillGrpc.Student.Training;
using DistillGrpc.Student.Training.Jobs;
using DistillGrpc.Student.Training.Reports;
using Microsoft.Extensions.Logging.Abstractions;

namespace DistillGrpc.Student.Tests.Training.Reports;

/// <summary>Which rows a calibration is made with, and which of its labels theirs are.</summary>
public sealed class CalibrationRowsTests
{
    [Theory]
    [InlineData(GroupingKind.Segment, 1)]
    [InlineData(GroupingKind.Group, 0)]
    [InlineData(GroupingKind.None, 0)]
    public void Rows_OfADividedDataset_AreHalvedByWhatKeptThemTogether(GroupingKind kind, int segment)
    {
        var grouping = new Grouping { Kind = kind, Segment = segment };
        Example[] heldOut = [.. Enumerable.Range(0, 600).Select(i => new Example { Id = $"{i}", Segments = { $"question {i / 2}", $"Passage {i % 40}" }, Group = $"g{i % 25}", Label = "yes" })];

        var rows = CalibrationRows.Of(heldOut, [], grouping, _ => true, 2000);

        static string KeyOf(GroupingKind kind, Example row) => kind == GroupingKind.Segment ? row.Segments[1] : row.Group;
        Assert.Equal(600, rows.Fitted.Count + rows.Report.Count);
        Assert.InRange(rows.Fitted.Count, 100, 500);
        Assert.Empty(rows.Fitted.Select(row => KeyOf(kind, row)).Intersect(rows.Report.Select(row => KeyOf(kind, row))));
    }

    [Fact]
    public void Grouping_OfARunWhoseRowsWereDivided_IsThatOfTheSplit()
    {
        using var folder = new TemporaryFolder();
        using var state = new StateDirectory(folder.Path, "test");
        var store = new DatasetStore(new StudentOptions(), state, TimeProvider.System, NullLogger<DatasetStore>.Instance);
        var rows = new JobRows(store, null!, null!, null!, new StudentOptions());
        var bySegment = Publish(store, "a", new DatasetOrigin { Split = new SplitOrigin { Grouping = new Grouping { Kind = GroupingKind.Segment, Segment = 1 } } });
        var plain = Publish(store, "b", new DatasetOrigin());
        Grouping Of(string dataset, string evaluation) => rows.Grouping(RunSpec.Check(new TrainingSpec { ModelId = "m", Preset = "micro", Mode = TrainingMode.LabelOnly, Dataset = dataset, EvaluationDataset = evaluation }));

        Assert.Equal(new Grouping { Kind = GroupingKind.Segment, Segment = 1 }, Of(plain, bySegment));
        Assert.Equal(new Grouping { Kind = GroupingKind.Segment, Segment = 1 }, Of(bySegment[..^4], plain));
        Assert.Equal(new Grouping(), Of(plain, ""));
        store.Delete(store.Find(bySegment, "dataset"));
        Assert.Equal(new Grouping(), Of(plain, bySegment));
    }

    [Fact]
    public void GoldOf_TokenizerThatFoldsCase_TakesLabelsThatItWritesAlikeForOne()
    {
        string[] labels = ["No", "YES", "yes"];
        var folding = new LearntLabels(new FoldingTokenizer(), CandidateSet.Of(new FoldingTokenizer(), labels, 64)!);
        var exact = new LearntLabels(SchedulerRig.Bytes, CandidateSet.Of(SchedulerRig.Bytes, labels, 64)!);

        Assert.Equal((2, 3), (folding.Allowed.Sequences.Count, exact.Allowed.Sequences.Count));
        Assert.Equal([folding.GoldOf(Row("YES")), folding.GoldOf(Row("YES"))], new[] { folding.GoldOf(Row("yes")), folding.GoldOf(Row("Yes")) });
        Assert.NotEqual(folding.GoldOf(Row("yes")), folding.GoldOf(Row("no")));
        Assert.Equal(3, labels.Select(label => exact.GoldOf(Row(label))).Where(at => at >= 0).Distinct().Count());
        Assert.Equal([-1, -1], new[] { exact.GoldOf(Row("Yes")), folding.GoldOf(Row("maybe")) });
    }

    [Fact]
    public void Alike_LabelsThatTheScorerTakesForOne_AreNamed()
    {
        static (string, string)? Alike(ScoringRule rule, params string[] labels) => new LearntLabels(SchedulerRig.Bytes, CandidateSet.Of(SchedulerRig.Bytes, labels, 64)!).Alike(rule);

        Assert.Null(Alike(ScoringRule.ExactMatch, "YES", "yes", "no"));
        Assert.Equal(["a  b", "a b"], Alike(ScoringRule.ExactMatch, "a b", "c", "a  b") is var (one, other) ? new[] { one, other }.Order(StringComparer.Ordinal) : []);
        Assert.NotNull(Alike(ScoringRule.Equation, "1 + 2", "2 + 2", "3"));
        Assert.Null(Alike(ScoringRule.Equation, "1 + 2", "2 + 2", "5"));
    }

    private static string Publish(DatasetStore store, string id, DatasetOrigin origin)
    {
        using var writer = store.Begin();
        Assert.Null(writer.Append(new Example { Id = id, Segments = { id }, Label = "yes" }));
        return writer.Publish("", origin).Dataset.Dataset.Name;
    }

    private static Example Row(string label) => new() { Label = label };

    private sealed class FoldingTokenizer : ITokenizer
    {
        public int PadId => SchedulerRig.Bytes.PadId;

        public int EosId => SchedulerRig.Bytes.EosId;

        public int UnkId => SchedulerRig.Bytes.UnkId;

        public int VocabularySize => SchedulerRig.Bytes.VocabularySize;

        public int[] Encode(string text, bool parseSpecialTokens = false) => SchedulerRig.Bytes.Encode(text.ToLowerInvariant(), parseSpecialTokens);

        public string Decode(ReadOnlySpan<int> ids, bool skipSpecialTokens = true) => SchedulerRig.Bytes.Decode(ids, skipSpecialTokens);

        public string Token(int id) => SchedulerRig.Bytes.Token(id);

        public ITokenDecoder CreateDecoder(bool skipSpecialTokens = true) => SchedulerRig.Bytes.CreateDecoder(skipSpecialTokens);

        public void Save(string directory) => SchedulerRig.Bytes.Save(directory);
    }
}
