using System.Collections.Concurrent;
using System.Diagnostics;
using System.Globalization;
using System.Text.RegularExpressions;
using DistillGrpc.Teacher.Tests.OpenAi;
using Microsoft.AspNetCore.Http;
using static DistillGrpc.Teacher.Tests.OpenAi.ScriptedEndpoint;

namespace DistillGrpc.EndToEnd.Tests.Extractions;

/// <summary>
/// An endpoint whose answer depends on the question alone, whenever it gives one; and which fails in every way on the way there,
/// by seeded chance: throttling in every form, errors, cut, broken and empty streams, lost connections, a time in which it is down,
/// and now and then a refusal of everything.
/// </summary>
internal sealed partial class FaultyLlm(int seed, bool isFaulty)
{
    /// <summary>Of so many questions one is refused by the content filter, whenever it is asked.</summary>
    public const int FilteredEvery = 500;

    private readonly ConcurrentDictionary<int, int> _answered = [];
    private readonly Random _chance = new(seed);
    private long _downSince;
    private int _requests;
    private int _failures;
    private int _refusedAll;

    /// <summary>Whole answers that were sent, by question.</summary>
    public IReadOnlyDictionary<int, int> Answered => _answered;

    /// <summary>Calls that were not answered.</summary>
    public int Failures => _failures;

    /// <summary>What it does with a request.</summary>
    public async Task AnswerAsync(HttpContext context)
    {
        var question = int.Parse(Number().Match(AskedIn(context)).Groups[1].Value, CultureInfo.InvariantCulture);
        var number = Interlocked.Increment(ref _requests);
        if (isFaulty && Fault(number) is { } fault)
        {
            Interlocked.Increment(ref _failures);
            await fault(context);
            return;
        }

        if (question % FilteredEvery == 7)
        {
            await Refuses(400, """{"error":{"code":"content_filter"}}""")(context);
            return;
        }

        // Counted when it begins: the caller may be killed before the end, and the provider bills it all the same.
        _answered.AddOrUpdate(question, 1, (_, times) => times + 1);
        await Says("stop", TextOf(question))(context);
    }

    private static string[] TextOf(int question) => (question % 100) switch
    {
        3 => ["I'm sorry, I cannot answer this."],
        11 => ["Who knows about ", $"{question}."],
        23 => ["The answer is yes."],
        _ => [$"Because {question} is ", question % 2 == 0 ? "even. The answer is yes." : "odd. The answer is no."],
    };

    private Func<HttpContext, Task>? Fault(int number)
    {
        // Two seconds in which nothing works; and four times something that only people can mend.
        if (number == 4000)
        {
            Interlocked.Exchange(ref _downSince, Stopwatch.GetTimestamp());
        }

        if (Interlocked.Read(ref _downSince) is > 0 and var since && Stopwatch.GetElapsedTime(since) < TimeSpan.FromSeconds(2))
        {
            return Refuses(503);
        }

        if (number > 2000 * (_refusedAll + 1) && _refusedAll < 4)
        {
            return Interlocked.Increment(ref _refusedAll) switch
            {
                1 => Refuses(401, """{"error":{"code":"invalid_api_key"}}"""),
                2 => Refuses(429, """{"error":{"code":"insufficient_quota"}}"""),
                3 => Refuses(404),
                _ => Refuses(302, "", ("Location", "http://127.0.0.1:1/")),
            };
        }

        int chance;
        lock (_chance)
        {
            chance = _chance.Next(2000);
        }

        return chance switch
        {
            < 20 => Refuses(429, "{}", ("retry-after-ms", "10")),
            < 22 => Refuses(429, "{}", ("Retry-After", "0.05")),
            < 23 => Refuses(429, "{}", ("Retry-After", DateTimeOffset.UtcNow.AddSeconds(1).ToString("R", CultureInfo.InvariantCulture))),
            < 24 => Refuses(429),
            < 60 => Refuses(500, "<html>"),
            < 80 => Refuses(502),
            < 100 => Refuses(529),
            < 120 => Sends($"data: {Piece("Half of an ans")}\n\n"),
            < 140 => Sends($"data: {Piece("Half of an ans")}\n\n", abort: true),
            < 155 => Sends("data: {\"choices\": [\n\n"),
            < 170 => Sends("data: {\"error\":{\"message\":\"overloaded\",\"type\":\"server_error\"}}\n\n"),
            < 180 => Sends("data: [DONE]\n\n"),
            < 190 => Sends(""),
            < 200 => context =>
            {
                context.Abort();
                return Task.CompletedTask;
            }
            ,
            < 202 => Sends($"data: {new string('x', 300_000)}"),
            < 203 => context => Task.Delay(Timeout.Infinite, context.RequestAborted).ContinueWith(_ => { }, TaskScheduler.Default),
            _ => null,
        };
    }

    [GeneratedRegex(@"number (\d+)", RegexOptions.CultureInvariant)]
    private static partial Regex Number();
}
