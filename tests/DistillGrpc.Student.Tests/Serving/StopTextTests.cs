using DistillGrpc.Student.Serving.Answers;

namespace DistillGrpc.Student.Tests.Serving;

public sealed class StopTextTests
{
    [Fact]
    public void Append_AnyTextInAnyPieces_SendsWhatTheWholeTextSendsAndNothingOfAStop()
    {
        var random = new Random(3);
        for (var round = 0; round < 2000; round++)
        {
            var text = Letters(random, random.Next(20));
            string[] stops = [.. Enumerable.Range(0, random.Next(1, 4)).Select(_ => Letters(random, random.Next(1, 5)))];
            var stop = new StopText(stops);
            var sent = "";
            foreach (var letter in text)
            {
                sent += stop.Append($"{letter}");
                Assert.DoesNotContain(stops, one => sent.Contains(one, StringComparison.Ordinal));
            }

            sent += stop.Flush();
            // Letter by letter, it ends before the one that is complete first; of several the longest.
            var end = Enumerable.Range(0, text.Length + 1).FirstOrDefault(end => stops.Any(one => text.AsSpan(0, end).EndsWith(one)), -1);
            Assert.Equal(end >= 0, stop.IsStopped);
            Assert.Equal(end < 0 ? text : text[..(end - stops.Where(one => text.AsSpan(0, end).EndsWith(one)).Max(one => one.Length))], sent);
        }
    }

    private static string Letters(Random random, int count) => new([.. Enumerable.Range(0, count).Select(_ => (char)('a' + random.Next(2)))]);
}
