using DistillGrpc.Client.Examples;
using DistillGrpc.Contracts.V1;
using Parquet;
using Parquet.Schema;

namespace DistillGrpc.Cli.Data;

/// <summary>Rows on their way to a Parquet file, with the names of <see cref="ExampleReader"/>. Memory is a row group.</summary>
internal sealed class ParquetRowFile : IAsyncDisposable
{
    private const int RowsOfGroup = 10_000;
    private static readonly ListField Segments = new("segments", new DataField<string>("element"));
    private static readonly ListField Rationales = new("rationales", new DataField<string>("element"));
    private static readonly DataField Agreement = new DataField<double?>("agreement");

    private static readonly (DataField Field, Func<Example, string> Of)[] Texts =
    [
        (new DataField<string>("id"), row => row.Id),
        (new DataField<string>("label"), row => row.Label),
        (new DataField<string>("answer"), row => row.Answer),
        (new DataField<string>("group"), row => row.Group),
        (new DataField<string>("llm_label"), row => row.TeacherLabel),
        (new DataField<string>("rationale"), row => row.Rationale),
        (new DataField<string>("teacher"), row => ProvenanceOf(row).Teacher),
        (new DataField<string>("model"), row => ProvenanceOf(row).Model),
        (new DataField<string>("prompt"), row => ProvenanceOf(row).Prompt),
        (new DataField<string>("prompt_hash"), row => ProvenanceOf(row).PromptHash),
        (new DataField<string>("finish_reason"), row => ProvenanceOf(row).FinishReason),
        (new DataField<string>("create_time"), row => ProvenanceOf(row).CreateTime?.ToString().Trim('"') ?? ""),
        (new DataField<string>("label_distribution"), row => ExampleJson.LabelDistribution(row)),
        (new DataField<string>("log_probabilities"), row => ExampleJson.LogProbabilities(row)),
    ];

    private static readonly (DataField Field, Func<Example, bool> Of)[] Flags =
    [
        (new DataField<bool?>("kept"), row => ProvenanceOf(row).Kept),
        (new DataField<bool?>("rationalized"), row => ProvenanceOf(row).Rationalized),
        (new DataField<bool?>("permits_distillation"), row => ProvenanceOf(row).PermitsDistillation),
    ];

    private static readonly ParquetSchema Schema = new([.. Texts.Select(column => column.Field), Segments, Rationales, .. Flags.Select(column => column.Field), Agreement]);
    private readonly UnfinishedFile _file;
    private readonly List<Example> _rows = [];
    private ParquetWriter? _writer;

    /// <summary>Begins.</summary>
    /// <exception cref="InvalidDataException">The file cannot be written.</exception>
    public ParquetRowFile(FileInfo file) => _file = new UnfinishedFile(file);

    public async ValueTask WriteAsync(Example row, CancellationToken cancellationToken)
    {
        _rows.Add(row);
        if (_rows.Count == RowsOfGroup)
        {
            await WriteGroupAsync(cancellationToken);
        }
    }

    /// <summary>All rows are there: the file takes its name.</summary>
    public async Task CompleteAsync(CancellationToken cancellationToken)
    {
        await WriteGroupAsync(cancellationToken);
        await _writer!.DisposeAsync();
        _writer = null;
        await _file.CompleteAsync();
    }

    public async ValueTask DisposeAsync()
    {
        if (_writer is not null)
        {
            await _writer.DisposeAsync();
        }

        await _file.DisposeAsync();
    }

    private static Provenance ProvenanceOf(Example row) => row.Teaching?.Provenance ?? new Provenance();

    private async Task WriteGroupAsync(CancellationToken cancellationToken)
    {
        _writer ??= await ParquetWriter.CreateAsync(Schema, _file.Stream, cancellationToken: cancellationToken);
        if (_rows.Count == 0)
        {
            return;
        }

        using var group = _writer.CreateRowGroup();
        // In the order of the schema.
        foreach (var (field, of) in Texts)
        {
            await group.WriteAsync(field, [.. _rows.Select(row => of(row) is { Length: > 0 } text ? text : null!)]);
        }

        await WriteListAsync(group, Segments, row => row.Segments, cancellationToken);
        await WriteListAsync(group, Rationales, row => row.Teaching?.Rationales ?? [], cancellationToken);
        foreach (var (field, of) in Flags)
        {
            await group.WriteAsync<bool>(field, _rows.Select(row => of(row) ? true : default(bool?)).ToArray());
        }

        await group.WriteAsync<double>(Agreement, _rows.Select(row => row.Teaching?.Agreement is > 0 and var share ? share : default(double?)).ToArray());
        group.CompleteValidate();
        _rows.Clear();
    }

    // The format's own levels: an element that is there is defined to the full, an empty list up to the list; an element after the first repeats.
    private async Task WriteListAsync(ParquetRowGroupWriter group, ListField field, Func<Example, IReadOnlyList<string>> of, CancellationToken cancellationToken)
    {
        var leaf = (DataField)field.Item;
        var (values, definitions, repetitions) = (new List<ReadOnlyMemory<char>>(), new List<int>(), new List<int>());
        foreach (var texts in _rows.Select(of))
        {
            definitions.AddRange(texts.Count == 0 ? [1] : Enumerable.Repeat(leaf.MaxDefinitionLevel, texts.Count));
            repetitions.AddRange(Enumerable.Range(0, Math.Max(1, texts.Count)).Select(i => i == 0 ? 0 : 1));
            values.AddRange(texts.Select(text => text.AsMemory()));
        }

        await group.WriteAllPartsAsync<ReadOnlyMemory<char>>(leaf, values.ToArray(), definitions.ToArray(), repetitions.ToArray(), cancellationToken);
    }
}
