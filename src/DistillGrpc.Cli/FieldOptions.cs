using System.Text.RegularExpressions;
using DistillGrpc.Client;
using DistillGrpc.Contracts.V1;
using Grpc.Core;

namespace DistillGrpc.Cli;

/// <summary>The services refuse fields of the contracts; people have written options.</summary>
internal static partial class FieldOptions
{
    private const string OneText = "ONE_TEXT";
    private const string OneTextOptions = "--rationale-...";
    private const string OfRationale = "rationale_decoding.";
    private static readonly Dictionary<string, string> Options = new(StringComparer.Ordinal)
    {
        ["teacher"] = "--name",
        ["teachers"] = "--name",
        ["prompt"] = "--prompt",
        ["policy"] = "--policy",
        ["max_output_tokens"] = "--max-tokens",
        ["temperature"] = "--temperature",
        ["budget_nanos"] = "--budget",
        ["samples"] = "--samples",
        ["rationalize"] = "--rationalize",
        ["tag"] = "--tag",
        ["top_log_probabilities"] = "--logprobs",
        ["quality.min_words"] = "--min-words",
        ["quality.max_words"] = "--max-words",
        ["quality.language"] = "--language",
        ["quality.min_agreement"] = "--min-agreement",
        ["quality.duplicates"] = "--duplicates",
        ["quality.judge"] = "--judge",
        ["quality.judge_prompt"] = "--judge-prompt",
        ["extraction_id"] = "--job",
        ["request_id"] = "--job",
        ["after_sequence"] = "--after",
        ["examples"] = "--examples",
        ["model"] = "--model",
        ["model_id"] = "--id",
        ["alias"] = "--alias",
        ["dataset"] = "--dataset",
        ["evaluation_dataset"] = "--eval-dataset",
        ["teacher.extraction"] = "--extraction",
        ["preset"] = "--from",
        ["base_model"] = "--from",
        ["lambda"] = "--lambda",
        ["steps"] = "--steps",
        ["batch_size"] = "--batch-size",
        ["learning_rate"] = "--learning-rate",
        ["dropout"] = "--dropout",
        ["evaluation_interval"] = "--evaluate-every",
        ["early_stopping_patience"] = "--patience",
        ["checkpoint_interval"] = "--checkpoint-every",
        ["mode"] = "--mode",
        ["prefix_placement"] = "--prefix-on",
        ["explained_label_weight"] = "--explain-given-label",
        ["mutual_information"] = "--mutual-information",
        ["soft_labels"] = "--soft-labels",
        ["soft_labels.weight"] = "--soft-labels",
        ["soft_labels.kind"] = "--soft-kind",
        ["soft_labels.temperature"] = "--soft-temperature",
        ["local_teacher.model"] = "--local-teacher",
        ["local_teacher.logit_weight"] = "--logit-weight",
        ["local_teacher.hidden_weight"] = "--hidden-weight",
        ["local_teacher.temperature"] = "--local-temperature",
        ["shuffle_rationales"] = "--shuffle-rationales",
        ["teacher_correct_only"] = "--correct-only",
        ["rationales_per_row"] = "--rationales",
        ["label_smoothing"] = "--label-smoothing",
        ["accumulation_steps"] = "--accumulate",
        ["frozen_parameters"] = "--freeze",
        ["bucket_batches"] = "--bucket-batches",
        ["batch_tokens"] = "--batch-tokens",
        ["warmup_steps"] = "--warmup-steps",
        ["weight_decay"] = "--weight-decay",
        ["clip_norm"] = "--clip-norm",
        ["max_input_tokens"] = "--max-input-tokens",
        ["max_target_tokens"] = "--max-target-tokens",
        ["vocabulary_size"] = "--vocabulary-size",
        ["teacher.start_after_rows"] = "--start-after",
        ["teacher.invented.count"] = "--invent",
        ["teacher.invented.task_description"] = "--invent-for",
        ["teacher.invented.labels"] = "--invent-labels",
        ["given_label"] = "--given-label",
        ["given_rationale"] = "--given-rationale",
        ["candidates"] = "--candidate",
        ["check_consistency"] = "--check-consistency",
        ["labels"] = "--label",
        ["min_probability"] = "--min-probability",
        ["escalation"] = "--escalate",
        ["escalation.prompt"] = "--prompt",
        ["num_beams"] = "--num-beams",
        ["num_answers"] = "--num-answers",
        ["length_penalty"] = "--length-penalty",
        ["top_k"] = "--top-k",
        ["top_p"] = "--top-p",
        ["min_p"] = "--min-p",
        ["repetition_penalty"] = "--repetition-penalty",
        ["no_repeat_ngram_size"] = "--no-repeat-ngram",
        ["stop"] = "--stop",
        ["prefix"] = "--prefix",
        ["routing_key"] = "--routing-key",
        ["traffic.canary_percent"] = "--canary-percent",
        ["traffic.canary_alias"] = "--canary-alias",
        ["traffic.shadow_percent"] = "--shadow-percent",
        ["traffic.shadow_alias"] = "--shadow-alias",
        ["training_job_id"] = "--job",
        ["priority"] = "--priority",
        ["display_name"] = "--name",
        ["max_rejected_rows"] = "--max-rejected",
        ["content_hash"] = "--hash",
        ["fractions"] = "--fractions",
        ["grouping.segment"] = "--group-by",
        ["offset"] = "--offset",
        ["max_rows"] = "--max-rows",
    };

    /// <summary>What a service said, beginning with the option where it is about a field that has one, or about something that an option names.</summary>
    public static string Named(RpcException failure)
    {
        var said = RpcErrors.Describe(failure);
        var option = RpcErrors.Field(failure) is { } field ? Of(field) : RpcErrors.Reason(failure) switch { "TEACHER_NOT_FOUND" => "--name", "PROMPT_NOT_FOUND" => "--prompt", OneText => OneTextOptions, _ => null };
        return option is null ? said : $"{option}: {said}";
    }

    /// <summary>The same of a row that was refused by itself.</summary>
    public static string Named(RowError refusal)
    {
        var option = refusal.Field.Length > 0 ? Of(refusal.Field) : refusal.Code == (int)StatusCode.NotFound ? "--model" : refusal.Reason == OneText ? OneTextOptions : null;
        return $"{(option is null ? "" : $"{option}: ")}{refusal.Message}{(refusal.Reason.Length > 0 ? $" ({(StatusCode)refusal.Code}, {refusal.Reason})" : "")}";
    }

    /// <summary>The option of a field such as <c>spec.rationales.teachers[0].teacher</c>, or null.</summary>
    internal static string? Of(string field)
    {
        if (field.StartsWith(OfRationale, StringComparison.Ordinal))
        {
            return Of(field[OfRationale.Length..]) is { } option ? $"--rationale-{option[2..]}" : null;
        }

        var path = Prefix().Replace(field, "");
        return Options.GetValueOrDefault(path) ?? Options.GetValueOrDefault(Element().Replace(path, ""));
    }

    [GeneratedRegex(@"^(spec\.(rationales\.)?|decoding\.)")]
    private static partial Regex Prefix();

    [GeneratedRegex(@"\[.*$")]
    private static partial Regex Element();
}
