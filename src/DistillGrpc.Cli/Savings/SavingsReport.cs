using System.Globalization;
using System.Text;
using System.Text.Json;
using DistillGrpc.Client;
using DistillGrpc.Contracts.V1;

namespace DistillGrpc.Cli.Savings;

/// <summary>A teacher's price beside a student's.</summary>
internal sealed record SavingsReport(string Model, TaughtCost Taught, decimal MachinePrice, StudentCost Label, StudentCost Both)
{
    private decimal TeacherPerThousand => Taught.Total / Taught.Rows * 1000;

    /// <summary>Measures a running student.</summary>
    /// <exception cref="InvalidDataException">There are no rows.</exception>
    public static async Task<SavingsReport> MeasureAsync(InferenceClient student, string model, TaughtCost taught, decimal machinePrice, CancellationToken cancellationToken)
    {
        if (taught.Inputs.Count == 0)
        {
            throw new InvalidDataException($"{taught.Source} holds no rows.");
        }

        var answered = await student.PredictAsync(new PredictRequest { Model = model, Segments = { taught.Inputs[0].Segments } }, cancellationToken);
        return new SavingsReport(
            answered.Model, taught, machinePrice,
            await StudentCost.MeasureAsync(student, model, PredictionTask.Label, taught.Inputs, cancellationToken),
            await StudentCost.MeasureAsync(student, model, PredictionTask.Both, taught.Inputs, cancellationToken));
    }

    /// <summary>How many answers cost less from the student by as much as the rows cost; null where they do not cost less.</summary>
    public static long? PaidAfter(decimal total, decimal teacherPerThousand, decimal studentPerThousand) =>
        teacherPerThousand > studentPerThousand ? (long)Math.Ceiling(total / (teacherPerThousand - studentPerThousand) * 1000) : null;

    public string Text()
    {
        var text = new StringBuilder();
        text.AppendLine(CultureInfo.InvariantCulture, $"{Model} on {Taught.Inputs.Count} inputs of {Taught.Source}; its machine at {Money.Text(MachinePrice)} an hour, busy with nothing else; training is not counted");
        text.AppendLine(Taught.Total > 0
            ? $"the teacher's rows cost {Money.Text(Taught.Total)}: {Taught.Rows} rows, {Money.Text(TeacherPerThousand)} for 1,000"
            : $"what the teacher's {Taught.Rows} rows cost is not known: the Teacher has no InputPrice and OutputPrice, or they cost nothing");
        text.AppendLine(CultureInfo.InvariantCulture, $"{"the student",-20} {"p50",10} {"p95",10} {StudentCost.Concurrency + " at once",14} {"for 1,000",12}  the teacher's price");
        foreach (var (name, cost) in new[] { ("label", Label), ("label and rationale", Both) })
        {
            text.AppendLine(CultureInfo.InvariantCulture, $"{name,-20} {cost.P50Ms,7:0.0} ms {cost.P95Ms,7:0.0} ms {cost.AnswersPerSecond,12:0.0}/s {Money.Text(Rounded(cost)),12}  {(Ratio(cost) is { } ratio ? $"{ratio:0.#} times as much" : "unknown")}");
        }

        return text.Append((PaidAfter(Label), PaidAfter(Both)) switch
        {
            _ when Taught.Total == 0 => "Without what they cost, there is nothing to pay back.",
            (null, null) => "The rows do not pay for themselves at these prices.",
            var (label, both) => $"The rows have paid for themselves after {label?.ToString(CultureInfo.InvariantCulture) ?? "no number of"} labels, or {both?.ToString(CultureInfo.InvariantCulture) ?? "no number of"} labels with rationales.",
        }).ToString();
    }

    public string Json() => JsonSerializer.Serialize(new
    {
        model = Model,
        inputs = Taught.Inputs.Count,
        machinePrice = MachinePrice,
        concurrency = StudentCost.Concurrency,
        rows = Taught.Rows,
        cost = Taught.Total,
        costPerThousand = TeacherPerThousand,
        label = Json(Label),
        labelAndRationale = Json(Both),
    });

    private object Json(StudentCost cost) => new
    {
        p50Ms = cost.P50Ms,
        p95Ms = cost.P95Ms,
        answersPerSecond = cost.AnswersPerSecond,
        costPerThousand = cost.PerThousand(MachinePrice),
        teacherTimesAsMuch = Ratio(cost),
        paidAfter = PaidAfter(cost),
    };

    private decimal? Ratio(StudentCost cost) => Taught.Total > 0 && cost.PerThousand(MachinePrice) > 0 ? TeacherPerThousand / cost.PerThousand(MachinePrice) : null;

    private long? PaidAfter(StudentCost cost) => Taught.Total > 0 ? PaidAfter(Taught.Total, TeacherPerThousand, cost.PerThousand(MachinePrice)) : null;

    private decimal Rounded(StudentCost cost) => Math.Round(cost.PerThousand(MachinePrice), 6);
}
