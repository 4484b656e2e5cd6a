namespace DistillGrpc.Student.Training;

/// <summary>Work with tensors has a thread of its own: their scopes must not cross an await.</summary>
internal static class OwnThread
{
    /// <summary>Runs it there.</summary>
    public static Task<T> RunAsync<T>(string name, Func<T> work)
    {
        var done = new TaskCompletionSource<T>(TaskCreationOptions.RunContinuationsAsynchronously);
        new Thread(() =>
        {
            try
            {
                done.SetResult(work());
            }
            catch (Exception failure)
            {
                done.SetException(failure);
            }
        })
        { IsBackground = true, Name = name }.Start();
        return done.Task;
    }
}
