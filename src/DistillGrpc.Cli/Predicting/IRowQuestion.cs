using DistillGrpc.Client;
using DistillGrpc.Contracts.V1;

namespace DistillGrpc.Cli.Predicting;

/// <summary>What a run asks of every row, and how the answers are written down.</summary>
/// <typeparam name="TRequest">A row's question, with its id.</typeparam>
/// <typeparam name="TAnswer">A row's answer, with its id.</typeparam>
internal interface IRowQuestion<TRequest, TAnswer>
{
    /// <summary>A row's question.</summary>
    TRequest Of(Example row);

    /// <summary>What tells a question from others: all that the Student is asked but the row's id, and how the answer is written down.</summary>
    ulong HashOf(TRequest request);

    /// <summary>Asks, in one call: answers come as they finish.</summary>
    IAsyncEnumerable<TAnswer> AskAsync(InferenceClient student, IAsyncEnumerable<TRequest> requests, CancellationToken cancellationToken);

    /// <summary>What came of a row.</summary>
    RowOutcome OutcomeOf(TAnswer answer);

    /// <summary>The answer as a JSON object on one line, whose first field is the row's id.</summary>
    string Write(TAnswer answer);
}
