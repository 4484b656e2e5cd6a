using DistillGrpc.Contracts.V1;
using DistillGrpc.Hosting;
using DistillGrpc.Student.Datasets;
using DistillGrpc.Student.Models;
using Grpc.Core;

namespace DistillGrpc.Student.Serving.Classifying;

/// <summary>
/// The rows that the Teacher has answered instead of a student, for each model a dataset that grows (<c>datasets/growing-escalated-*</c>) until somebody collects it.
/// A row is on the disk when it counts as kept. Thread-safe.
/// </summary>
internal sealed class EscalatedRows(DatasetStore store, StudentOptions options, ILogger<EscalatedRows> logger) : IDisposable
{
    private readonly Lock _lock = new();
    private readonly Dictionary<string, DatasetWriter> _growing = new(StringComparer.Ordinal);

    /// <summary>Keeps a row, once.</summary>
    /// <returns>Whether it is kept; not where there are as many as may be, or the disk does not take it.</returns>
    public bool Keep(string model, Example row)
    {
        lock (_lock)
        {
            try
            {
                var writer = Of(model);
                if (writer.Rows >= options.MaxEscalatedRows)
                {
                    return false;
                }

                return writer.AppendToDisk(row) is not { } refused || refused.Reason == "DUPLICATE_ID";
            }
            catch (RpcException full)
            {
                // The writer is as it was: the next row finds out whether there is room again, and nothing is read for it.
                StudentLog.EscalationNotKept(logger, full, ModelName.Of(model));
                return false;
            }
        }
    }

    /// <summary>Makes a dataset of a model's rows, and begins anew.</summary>
    /// <exception cref="RpcException">FAILED_PRECONDITION where there is none; RESOURCE_EXHAUSTED where there are too many datasets, or the disk is full: then the rows are still there.</exception>
    public Dataset Collect(string model, string displayName)
    {
        lock (_lock)
        {
            var writer = Of(model);
            if (writer.Rows == 0)
            {
                Forget(model, writer);
                throw RpcFailure.FailedPrecondition("NO_ESCALATED_ROWS", $"No rows of {ModelName.Of(model)} have been kept{(options.KeepEscalated ? "" : ": they are where the operator has set KeepEscalated")}.");
            }

            var origin = new DatasetOrigin { Escalation = new EscalationOrigin { Model = ModelName.Of(model) } };
            var (dataset, _) = writer.Publish(displayName.Length > 0 ? displayName : $"{model}-escalated", origin);
            Forget(model, writer);
            return dataset.Dataset;
        }
    }

    public void Dispose()
    {
        lock (_lock)
        {
            foreach (var writer in _growing.Values)
            {
                writer.Dispose();
            }

            _growing.Clear();
        }
    }

    private DatasetWriter Of(string model)
    {
        if (!_growing.TryGetValue(model, out var writer))
        {
            // An id may be as long as a key, so that the key has its hash.
            writer = store.Begin(string.Create(System.Globalization.CultureInfo.InvariantCulture, $"escalated-{RowKeys.OfText(model):x32}"));
            _growing.Add(model, writer);
        }

        return writer;
    }

    private void Forget(string model, DatasetWriter writer)
    {
        _growing.Remove(model);
        writer.Discard();
    }
}
