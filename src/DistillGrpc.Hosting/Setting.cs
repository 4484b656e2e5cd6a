namespace DistillGrpc.Hosting;

/// <summary>Checks what the operator has set.</summary>
public static class Setting
{
    /// <summary>Refuses a setting.</summary>
    /// <param name="condition">Whether it can be used.</param>
    /// <param name="name">Its name.</param>
    /// <param name="message">What it must be.</param>
    /// <exception cref="InvalidOperationException">It cannot be used.</exception>
    public static void Require(bool condition, string name, string message)
    {
        if (!condition)
        {
            throw new InvalidOperationException($"{name}: {message}");
        }
    }
}
