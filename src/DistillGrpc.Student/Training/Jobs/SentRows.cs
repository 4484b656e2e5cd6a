using DistillGrpc.Contracts.V1;
using DistillGrpc.Hosting;
using DistillGrpc.Student.Datasets;
using Grpc.Core;

namespace DistillGrpc.Student.Training.Jobs;

/// <summary>Takes the rows of a call to Train, checks them, and puts them into the job's folder.</summary>
internal sealed class SentRows(StudentOptions options)
{
    /// <summary>Reads the call's messages to the end.</summary>
    /// <exception cref="RpcException">INVALID_ARGUMENT naming the field, or RESOURCE_EXHAUSTED.</exception>
    public async Task ReceiveAsync(IAsyncStreamReader<TrainRequest> requests, JobFolder folder, bool mayBeEmpty, CancellationToken cancellationToken)
    {
        using RowWriter rows = new(folder.Sent, _ => { }), heldOut = new(folder.SentHeldOut, _ => { });
        var (ids, isEmpty) = (new HashSet<string>(StringComparer.Ordinal), true);
        while (await requests.MoveNext(cancellationToken))
        {
            var message = requests.Current;
            var isHeldOut = message.MessageCase == TrainRequest.MessageOneofCase.EvaluationExample;
            var field = isHeldOut ? "evaluation_example" : "example";
            var row = (isHeldOut ? message.EvaluationExample : message.Example) ?? throw RpcFailure.InvalidArgument("example", "every message after the first must hold one");
            RpcFailure.Require(row.Id.Length is > 0 and <= 200, $"{field}.id", "must have 1 to 200 characters");
            RpcFailure.Require(row.Segments.Count > 0 && !row.Segments.Any(string.IsNullOrWhiteSpace), $"{field}.segments", $"must hold at least one text, and none may be empty (id {row.Id})");
            RpcFailure.Require(!isHeldOut || row.Label.Length > 0, "evaluation_example.label", $"a held-out row needs one (id {row.Id})");
            RpcFailure.Require(ids.Add((isHeldOut ? "e" : "t") + row.Id), $"{field}.id", $"came before: {row.Id}");
            if (ids.Count > options.MaxRows)
            {
                throw RpcFailure.ResourceExhausted("TOO_MANY_ROWS", $"A run may have {options.MaxRows} rows.", TimeSpan.Zero);
            }

            (isHeldOut ? heldOut : rows).Append(row, row.CalculateSize());
            isEmpty &= isHeldOut;
        }

        RpcFailure.Require(mayBeEmpty || !isEmpty, "example", "there is no row to learn from");
        rows.Flush(toDisk: true);
        heldOut.Flush(toDisk: true);
    }
}
