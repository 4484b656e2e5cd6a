using DistillGrpc.Contracts.V1;
using DistillGrpc.Student.Models;
using DistillGrpc.Student.Training.Reports;

namespace DistillGrpc.Student.Tests.Training.Reports;

public sealed class RationaleAgreementsTests
{
    private static readonly LabelWords Labels = new(["yes", "no"]);
    private static readonly string[] Given = ["yes", "no", "yes", "yes", "maybe"];

    private static readonly string[] Rationales = ["It is so: yes.", "One would say yes.", "Yes or no?", "It is so.", "Surely no."];

    [Fact]
    public void Of_NobodyReads_CountsWhatIsStated() =>
        Assert.Equal(new RationaleAgreement { Examples = 5, Stating = 3, StatingGiven = 1 }, RationaleAgreements.Of(Labels, Given, Rationales, null));

    [Fact]
    public void Of_LabelsThatWereRead_CountsThoseOfTheAnswerAndOfRationalesThatStateNone() =>
        Assert.Equal(
            new RationaleAgreement { Examples = 5, Stating = 3, StatingGiven = 1, ReadBack = 3, Unstated = 1, UnstatedReadBack = 1, MajorityReadBack = 3 },
            RationaleAgreements.Of(Labels, Given, Rationales, ["yes", "yes", "no", " yes", "maybe"]));

    [Fact]
    public void Of_NoRows_IsEmpty() => Assert.Equal(new RationaleAgreement(), RationaleAgreements.Of(Labels, [], [], []));
}
