using DistillGrpc.Contracts.V1;
using DistillGrpc.Hosting;
using DistillGrpc.Teacher.Rationales;
using Grpc.Core;

namespace DistillGrpc.Teacher.Extractions;

/// <summary>Takes the inputs of one call, writes some at a time, and counts what became of them.</summary>
/// <param name="inputs">Where they go.</param>
/// <param name="id">The extraction.</param>
internal sealed class InputUpload(ExtractionInputs inputs, string id)
{
    private const int AppendedAtOnce = 200;
    private const int MaxRejectedInputs = 100;
    private const long MaxBatchBytes = 1 << 20;
    private readonly List<(long Position, Example Input)> _batch = [];
    private readonly AppendInputsResponse _response = new();
    private long _position;
    private long _bytes;

    /// <summary>Adds an input.</summary>
    /// <exception cref="RpcException">NOT_FOUND, or FAILED_PRECONDITION where the extraction takes no more.</exception>
    public async ValueTask AddAsync(Example input, CancellationToken cancellationToken)
    {
        _position++;
        if (Rows.ErrorOf(input) is { } error)
        {
            Reject(_position, input, error);
            return;
        }

        _batch.Add((_position, input));
        _bytes += input.CalculateSize();
        if (_batch.Count == AppendedAtOnce || _bytes > MaxBatchBytes)
        {
            await AppendAsync(cancellationToken);
        }
    }

    /// <summary>What became of them all, when it is on the disk.</summary>
    /// <exception cref="RpcException">NOT_FOUND, or FAILED_PRECONDITION where the extraction takes no more.</exception>
    public async ValueTask<AppendInputsResponse> FinishAsync(CancellationToken cancellationToken)
    {
        if (_batch.Count > 0)
        {
            await AppendAsync(cancellationToken);
        }

        return _response;
    }

    private async Task AppendAsync(CancellationToken cancellationToken)
    {
        var outcomes = await inputs.AppendAsync(id, [.. _batch.Select(item => item.Input)], cancellationToken) ?? throw ExtractionRequest.NotFound(id);
        foreach (var ((position, input), outcome) in _batch.Zip(outcomes))
        {
            _response.Appended += outcome == AppendOutcome.Appended ? 1 : 0;
            _response.Present += outcome == AppendOutcome.Present ? 1 : 0;
            if (outcome == AppendOutcome.Changed)
            {
                Reject(position, input, new RowError { Code = (int)StatusCode.AlreadyExists, Reason = "INPUT_CHANGED", Message = "input.id: another input has it", Field = "input.id" });
            }
            else if (outcome == AppendOutcome.Closed)
            {
                throw RpcFailure.FailedPrecondition("INPUTS_COMPLETE", $"{StoredExtraction.Collection}{id} takes no more inputs.");
            }
        }

        _batch.Clear();
        _bytes = 0;
    }

    private void Reject(long position, Example input, RowError error)
    {
        _response.RejectedCount++;
        if (_response.Rejected.Count < MaxRejectedInputs)
        {
            _response.Rejected.Add(new RejectedInput { Position = position, InputId = Rows.IdOf(input), Error = error });
        }
    }
}
