using DistillGrpc.Student.Models;
using DistillGrpc.Student.Training.Reports;

namespace DistillGrpc.Student.Tests.Models;

public sealed class ModelCardTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void Read_CardThatWasWritten_HasItsLabels()
    {
        new ModelCard { Labels = ["no", "yes"] }.Write(_folder.Path);

        Assert.Equal(["no", "yes"], ModelCard.Read(_folder.Path).Labels);
    }

    [Fact]
    public void Read_CardFromBeforeThereWereLabels_HasNone()
    {
        Write("{\"label_prefix\":\"[label] \"}");

        Assert.Empty(ModelCard.Read(_folder.Path).Labels);
    }

    [Theory]
    [InlineData("null")]
    [InlineData("[null]")]
    [InlineData("[\"\"]")]
    public void Read_LabelsThatAreNone_AreRefused(string labels)
    {
        Write($"{{\"labels\":{labels}}}");

        Assert.Throws<InvalidDataException>(() => ModelCard.Read(_folder.Path));
    }

    [Fact]
    public void Read_TooManyOrTooLongLabels_AreRefused()
    {
        new ModelCard { Labels = [.. Enumerable.Range(0, LabelMetrics.MaxClasses + 1).Select(i => $"{i}")] }.Write(_folder.Path);
        Assert.Throws<InvalidDataException>(() => ModelCard.Read(_folder.Path));
        new ModelCard { Labels = [new string('x', LabelMetrics.MaxClassLength + 1)] }.Write(_folder.Path);
        Assert.Throws<InvalidDataException>(() => ModelCard.Read(_folder.Path));
    }

    private void Write(string card) => File.WriteAllText(Path.Combine(_folder.Path, ModelCard.File), card);
}
