namespace DistillGrpc.EndToEnd.Tests;

/// <summary>When the client in another language can be tested.</summary>
public sealed class NodeFactTests
{
    [Theory]
    [InlineData("v20.0.0\n", null)]
    [InlineData("v24.1.0", null)]
    [InlineData("v18.19.1\n", "needs Node.js 20, and there is v18.19.1")]
    [InlineData("", "needs Node.js 20, and there is ")]
    public void Refusal_OfAVersion_IsForThoseThatAreTooOld(string version, string? expected) => Assert.Equal(expected, NodeFactAttribute.Refusal(version));

    [Theory]
    [InlineData("sha512-one", "sha512-one", true)]
    // The lock file has changed since.
    [InlineData("sha512-one", "sha512-two", false)]
    [InlineData("sha512-one", null, false)]
    public void IsInstalled_Packages_AreThoseOfTheLockFile(string locked, string? installed, bool expected)
    {
        using var folder = new TemporaryFolder();
        File.WriteAllText(Path.Combine(folder.Path, "package-lock.json"), $$"""{ "packages": { "": { "name": "client" }, "node_modules/a": { "version": "1.0.0", "integrity": "{{locked}}" } } }""");
        if (installed is not null)
        {
            File.WriteAllText(Path.Combine(Directory.CreateDirectory(Path.Combine(folder.Path, "node_modules")).FullName, ".package-lock.json"), $$"""{ "packages": { "node_modules/a": { "version": "1.0.0", "integrity": "{{installed}}" } } }""");
        }

        Assert.Equal(expected, NodeFactAttribute.IsInstalledIn(folder.Path));
    }
}
