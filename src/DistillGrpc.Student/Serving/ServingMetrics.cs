using System.Diagnostics;
using System.Diagnostics.Metrics;
using DistillGrpc.Contracts.V1;
using DistillGrpc.Student.Serving.Scheduling;
using Grpc.Core;

namespace DistillGrpc.Student.Serving;

/// <summary>What the Student measures of its answers.</summary>
internal static class ServingMetrics
{
    private static readonly Meter Meter = new("DistillGrpc.Student");
    private static readonly Counter<long> Answers = Meter.CreateCounter<long>("distill.student.answers", "{answer}", "Answers, by model, task and outcome (answered, cancelled, refused, failed); a deadline that passes cancels.");
    private static readonly Counter<long> Classifications = Meter.CreateCounter<long>("distill.student.classifications", "{answer}", "Classifications, by model and whose answer it is (student, teacher, nobody).");
    private static readonly Counter<long> Tokens = Meter.CreateCounter<long>("distill.student.output_tokens", "{token}", "Tokens written.");
    private static readonly Histogram<double> Queue = Meter.CreateHistogram<double>("distill.student.queue.duration", "s", "Time that an answer waits for a place in its model's batch.");
    private static readonly Histogram<double> Duration = Meter.CreateHistogram<double>("distill.student.answer.duration", "s", "Time from reading the input to the last token.");
    private static readonly UpDownCounter<long> Depth = Meter.CreateUpDownCounter<long>("distill.student.queue.depth", "{request}", "Answers that wait, by model and priority (interactive, batch).");
    private static readonly Histogram<int> StepRows = Meter.CreateHistogram<int>("distill.student.step.rows", "{row}", "Rows of a decoder's step, by model.");
    private static readonly Histogram<double> StepDuration = Meter.CreateHistogram<double>("distill.student.step.duration", "s", "Time of a decoder's step, by model.");
    private static readonly Histogram<double> EncoderDuration = Meter.CreateHistogram<double>("distill.student.encoder.duration", "s", "Time of an encoder's pass, by model.");
    private static readonly Counter<long> Shadows = Meter.CreateCounter<long>("distill.student.shadows", "{request}", "Requests meant for a shadow, by its version and outcome (equal, different, failed, dropped).");
    private static readonly Counter<long> Cache = Meter.CreateCounter<long>("distill.student.cache", "{request}", "Requests whose answers may be kept, by model and outcome (hit, miss).");

    /// <summary>An answer was written.</summary>
    public static void Answered(string model, TaskAnswer answer)
    {
        var tags = Tags(model, answer.Task);
        Tokens.Add(answer.Usage.OutputTokens, tags);
        Queue.Record(answer.Timings.Queue.ToTimeSpan().TotalSeconds, tags);
        Duration.Record((answer.Timings.Encode.ToTimeSpan() + answer.Timings.Decode.ToTimeSpan()).TotalSeconds, tags);
        Count(tags, "answered");
    }

    /// <summary>Labels were weighed.</summary>
    public static void Classified(string model, AnsweredBy by) =>
        Classifications.Add(1, new KeyValuePair<string, object?>("model", model), new KeyValuePair<string, object?>("answered_by", by == AnsweredBy.Student ? "student" : by == AnsweredBy.Teacher ? "teacher" : "nobody"));

    /// <summary>A request ended without an answer.</summary>
    public static void NotAnswered(string model, PredictionTask task, Exception failure) => Count(Tags(model, task), failure switch
    {
        OperationCanceledException or RpcException { StatusCode: StatusCode.DeadlineExceeded or StatusCode.Cancelled } => "cancelled",
        RpcException { StatusCode: StatusCode.InvalidArgument or StatusCode.ResourceExhausted } => "refused",
        _ => "failed",
    });

    /// <summary>So many more, or fewer, wait.</summary>
    public static void Waits(string model, Priority priority, int change) =>
        Depth.Add(change, new KeyValuePair<string, object?>("model", model), new KeyValuePair<string, object?>("priority", priority == Priority.Batch ? "batch" : "interactive"));

    /// <summary>Inputs were read.</summary>
    public static void Read(string model, TimeSpan spent) => EncoderDuration.Record(spent.TotalSeconds, new KeyValuePair<string, object?>("model", model));

    /// <summary>A step was made.</summary>
    public static void Stepped(string model, int rows, TimeSpan spent)
    {
        var tag = new KeyValuePair<string, object?>("model", model);
        StepRows.Record(rows, tag);
        StepDuration.Record(spent.TotalSeconds, tag);
    }

    /// <summary>A request was given to a shadow, or meant for it.</summary>
    public static void Shadowed(string model, string outcome) => Shadows.Add(1, new KeyValuePair<string, object?>("model", model), new KeyValuePair<string, object?>("outcome", outcome));

    /// <summary>An answer was looked for among those that are kept.</summary>
    public static void Cached(string model, bool isHit) => Cache.Add(1, new KeyValuePair<string, object?>("model", model), new KeyValuePair<string, object?>("outcome", isHit ? "hit" : "miss"));

    private static TagList Tags(string model, PredictionTask task) => new() { { "model", model }, { "task", task == PredictionTask.Rationale ? "rationale" : task == PredictionTask.Both ? "both" : "label" } };

    private static void Count(TagList tags, string outcome)
    {
        tags.Add("outcome", outcome);
        Answers.Add(1, tags);
    }
}
