using System.Text.Json;
using DistillGrpc.Cli.Savings;
using DistillGrpc.Contracts.V1;

namespace DistillGrpc.Cli.Tests.Savings;

public sealed class SavingsReportTests
{
    [Fact]
    public void Report_PricedRows_SaysTheRatioAndWhenTheyHavePaid()
    {
        // 2,000 rows for 4: 2 for 1,000. 100 answers a second at 0.36 an hour: 0.001 for 1,000.
        var report = Report(4);

        var json = JsonDocument.Parse(report.Json()).RootElement;
        Assert.Equal((2m, 0.001m, 2000m), (json.GetProperty("costPerThousand").GetDecimal(), json.GetProperty("label").GetProperty("costPerThousand").GetDecimal(), json.GetProperty("label").GetProperty("teacherTimesAsMuch").GetDecimal()));
        Assert.Equal((2002, 2011), (json.GetProperty("label").GetProperty("paidAfter").GetInt64(), json.GetProperty("labelAndRationale").GetProperty("paidAfter").GetInt64()));
        Assert.StartsWith(
            "models/m on 1 inputs of rows.jsonl; its machine at 0.36 an hour, busy with nothing else; training is not counted\nthe teacher's rows cost 4: 2000 rows, 2 for 1,000\n",
            report.Text(), StringComparison.Ordinal);
        Assert.EndsWith("The rows have paid for themselves after 2002 labels, or 2011 labels with rationales.", report.Text(), StringComparison.Ordinal);
    }

    [Fact]
    public void Report_RowsWithoutPrice_ClaimsNothing()
    {
        Assert.Contains("is not known", Report(0).Text(), StringComparison.Ordinal);
        Assert.DoesNotContain("for themselves", Report(0).Text(), StringComparison.Ordinal);
        Assert.Equal(JsonValueKind.Null, JsonDocument.Parse(Report(0).Json()).RootElement.GetProperty("label").GetProperty("paidAfter").ValueKind);
    }

    [Theory]
    [InlineData(1, 2, null)]
    [InlineData(2, 2, null)]
    [InlineData(3, 1, 2500L)]
    public void PaidAfter_Prices_NeedTheStudentToBeCheaper(int teacher, int student, long? expected) => Assert.Equal(expected, SavingsReport.PaidAfter(5, teacher, student));

    private static SavingsReport Report(decimal total) => new(
        "models/m", new TaughtCost("rows.jsonl", 2000, total, [new Example { Id = "1" }]), 0.36m, new StudentCost(3, 5, 100), new StudentCost(30, 50, 10));
}
