using DistillGrpc.Teacher.Inventing;

namespace DistillGrpc.Teacher.Tests.Inventing;

public sealed class InventedWordsTests
{
    [Theory]
    [InlineData("My order is late!", "my  ORDER\nis 'late'")]
    [InlineData("caf\u00e9", "CAF\u00c9")]
    public void Of_SameWords_AreTheSame(string one, string other) => Assert.Equal(InventedWords.Of(one), InventedWords.Of(other));

    [Theory]
    [InlineData("My order is late.", "My order is not late.")]
    [InlineData("on line", "online")]
    [InlineData("\u0915\u093f", "\u0915\u0940")]
    public void Of_OtherWords_AreOthers(string one, string other) => Assert.NotEqual(InventedWords.Of(one), InventedWords.Of(other));

    [Theory]
    [InlineData("")]
    [InlineData("?!... ---")]
    [InlineData("\ufffd")]
    public void Of_NoWords_IsEmpty(string text) => Assert.Equal("", InventedWords.Of(text));
}
