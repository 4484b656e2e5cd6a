using System.Runtime.CompilerServices;

namespace DistillGrpc.Client;

/// <summary>Reads a collection that comes in pages.</summary>
internal static class Pages
{
    /// <summary>What is asked for at once: the most that the services give.</summary>
    public const int Size = 1000;

    /// <summary>All of it; the next page is asked for when the one before is used up.</summary>
    /// <param name="read">Gives the page of a token, empty for the first, and the next one's token, empty after the last.</param>
    /// <param name="cancellationToken">Cancels the call.</param>
    public static async IAsyncEnumerable<T> AllAsync<T>(
        Func<string, CancellationToken, Task<(IEnumerable<T> Items, string Next)>> read, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        var next = "";
        do
        {
            (var items, next) = await read(next, cancellationToken);
            foreach (var item in items)
            {
                yield return item;
            }
        }
        while (next.Length > 0);
    }
}
