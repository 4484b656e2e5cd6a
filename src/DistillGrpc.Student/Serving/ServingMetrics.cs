using System.Diagnostics;
using System.Diagnostics.Metrics;
using DistillGrpc.Contracts.V1;

namespace DistillGrpc.Student.Serving;

/// <summary>What the Student measures of its answers.</summary>
internal static class ServingMetrics
{
    private static readonly Meter Meter = new("DistillGrpc.Student");
    private static readonly Counter<long> Answers = Meter.CreateCounter<long>("distill.student.answers", "{answer}", "Answers, by model, task and outcome (answered, cancelled, failed).");
    private static readonly Counter<long> Tokens = Meter.CreateCounter<long>("distill.student.output_tokens", "{token}", "Tokens written.");
    private static readonly Histogram<double> Queue = Meter.CreateHistogram<double>("distill.student.queue.duration", "s", "Time that a request waits for its model.");
    private static readonly Histogram<double> Duration = Meter.CreateHistogram<double>("distill.student.answer.duration", "s", "Time from reading the input to the last token.");

    /// <summary>An answer was written.</summary>
    public static void Answered(string model, TaskAnswer answer)
    {
        var tags = Tags(model, answer.Task);
        Tokens.Add(answer.Usage.OutputTokens, tags);
        Queue.Record(answer.Timings.Queue.ToTimeSpan().TotalSeconds, tags);
        Duration.Record((answer.Timings.Encode.ToTimeSpan() + answer.Timings.Decode.ToTimeSpan()).TotalSeconds, tags);
        Count(tags, "answered");
    }

    /// <summary>A request ended without an answer.</summary>
    public static void NotAnswered(string model, PredictionTask task, bool isCancelled) => Count(Tags(model, task), isCancelled ? "cancelled" : "failed");

    private static TagList Tags(string model, PredictionTask task) => new() { { "model", model }, { "task", task == PredictionTask.Rationale ? "rationale" : task == PredictionTask.Both ? "both" : "label" } };

    private static void Count(TagList tags, string outcome)
    {
        tags.Add("outcome", outcome);
        Answers.Add(1, tags);
    }
}
