using System.Threading.Channels;
using DistillGrpc.Hosting;
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
    /// <param name="context">The call.</param>
    public static async Task RunAsync<TRequest, TResponse>(
        IAsyncStreamReader<TRequest> requests, IServerStreamWriter<TResponse> responses, Func<TRequest, CancellationToken, Task<TResponse>> answer, ServerCallContext context)
    {
        var owed = OwedAnswers.Of(context);
        using var stop = CancellationTokenSource.CreateLinkedTokenSource(context.CancellationToken);
        var output = Channel.CreateBounded<TResponse>(MostInFlight);
        var reading = Parallel.ForEachAsync(
            requests.ReadAllAsync(stop.Token),
            new ParallelOptions { MaxDegreeOfParallelism = MostInFlight, CancellationToken = stop.Token },
            async (request, token) =>
            {
                owed.Add();
                await output.Writer.WriteAsync(await answer(request, token), token);
            });
        var ending = reading.ContinueWith(done => output.Writer.Complete(done.Exception?.InnerException), CancellationToken.None, TaskContinuationOptions.None, TaskScheduler.Default);
        try
        {
            await foreach (var response in output.Reader.ReadAllAsync(stop.Token))
            {
                await responses.WriteAsync(response, stop.Token);
                owed.Remove();
            }

            await ending;
            await reading;
        }
        finally
        {
            // Where an answer could not be written no further ones are wanted.
            await stop.CancelAsync();
            await reading.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }
    }
}
