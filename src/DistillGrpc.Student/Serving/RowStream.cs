using System.Threading.Channels;
using Grpc.Core;

namespace DistillGrpc.Student.Serving;

/// <summary>Answers the inputs of a stream, many at once, in the order in which they finish. Where no more are to be begun the stream is read more slowly.</summary>
internal static class RowStream
{
    private const int MostInFlight = 64;

    /// <summary>Runs until all are answered.</summary>
    /// <param name="requests">The inputs.</param>
    /// <param name="responses">Takes the answers.</param>
    /// <param name="answer">Answers one.</param>
    /// <param name="cancellationToken">The caller has gone.</param>
    public static async Task RunAsync<TRequest, TResponse>(
        IAsyncStreamReader<TRequest> requests, IServerStreamWriter<TResponse> responses, Func<TRequest, CancellationToken, Task<TResponse>> answer, CancellationToken cancellationToken)
    {
        var output = Channel.CreateBounded<TResponse>(MostInFlight);
        var reading = Parallel.ForEachAsync(
            requests.ReadAllAsync(cancellationToken),
            new ParallelOptions { MaxDegreeOfParallelism = MostInFlight, CancellationToken = cancellationToken },
            async (request, token) => await output.Writer.WriteAsync(await answer(request, token), token));
        var ending = reading.ContinueWith(done => output.Writer.Complete(done.Exception?.InnerException), CancellationToken.None, TaskContinuationOptions.None, TaskScheduler.Default);
        await foreach (var response in output.Reader.ReadAllAsync(cancellationToken))
        {
            await responses.WriteAsync(response, cancellationToken);
        }

        await ending;
        await reading;
    }
}
