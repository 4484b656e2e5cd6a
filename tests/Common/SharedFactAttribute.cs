namespace DistillGrpc.Tests;

/// <summary>
/// A test on reference data that is too large to commit: a folder named by the environment variable DISTILL_SHARED, or
/// one called <c>shared</c> beside the repository. Without it the test is skipped, and says so.
/// </summary>
[AttributeUsage(AttributeTargets.Method)]
internal sealed class SharedFactAttribute : FactAttribute
{
    /// <summary>Skips the test where a file or folder of the reference data is not there.</summary>
    public SharedFactAttribute(string needs)
    {
        if (SharedData.Find(needs) is null)
        {
            Skip = $"needs reference data: {needs} (set DISTILL_SHARED to its folder)";
        }
    }
}
