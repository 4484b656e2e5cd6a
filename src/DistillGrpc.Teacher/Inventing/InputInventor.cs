using System.Runtime.CompilerServices;
using DistillGrpc.Contracts.V1;
using DistillGrpc.Hosting;
using DistillGrpc.Teacher.Backends;
using DistillGrpc.Teacher.Prompts;
using DistillGrpc.Teacher.Quality;
using DistillGrpc.Teacher.Spending;
using Grpc.Core;

namespace DistillGrpc.Teacher.Inventing;

/// <summary>
/// Has a teacher invent inputs: a question for every place, several at a time, looked at in the order of the places. Those that
/// gave nothing new are asked once more when all have had their turn, up to <see cref="MaxTries"/> times in all. So what comes out
/// depends on the answers and not on the time that they take, and the same request again, whose answers are kept, gives the same.
/// </summary>
internal sealed class InputInventor(TeacherCatalog catalog, PromptCatalog prompts, TeacherOptions options)
{
    private const string DefaultPrompt = "prompts/invent";
    private const double DefaultTemperature = 1;
    private const int MaxTries = 6;

    /// <summary>The inputs, and then the summary.</summary>
    /// <param name="request">What is asked for.</param>
    /// <param name="deadline">When the caller stops waiting.</param>
    /// <param name="cancellationToken">Ends the work; answers that were paid for stay kept.</param>
    /// <exception cref="RpcException">The request or the teacher cannot be used.</exception>
    public IAsyncEnumerable<InventInputsResponse> InventAsync(InventInputsRequest request, DateTimeOffset deadline, CancellationToken cancellationToken)
    {
        InventionRequest.Check(request);
        var (name, teacher, _) = catalog.Find(request.Teacher, "teacher");
        if (teacher.DefaultPrompt is null)
        {
            throw RpcFailure.InvalidArgument("teacher", $"{name} takes no prompt, and cannot invent");
        }

        var prompt = prompts.Find(request.Prompt.Length > 0 ? request.Prompt : DefaultPrompt);
        var query = new RationaleQuery(prompt, 0, request.HasTemperature ? request.Temperature : DefaultTemperature, deadline, new CallBudget(request.BudgetNanos))
        {
            Accounts = AccountLimit.OfTag(request.Tag),
        };
        return new Run(teacher, query, request, options.MaxInputsInFlight).RespondAsync(cancellationToken);
    }

    private sealed record Outcome(int Place, BackendAnswer? Answer, TeacherRowException? Refused);

    // One request on its way.
    private sealed class Run(ITeacherBackend teacher, RationaleQuery query, InventInputsRequest request, int inFlight)
    {
        private readonly Invention _invention = new(request);
        private readonly InventionSummary _summary = new() { Usage = new Usage() };
        private readonly SeenInputs _seen = new(DuplicateRule.Exact);

        public async IAsyncEnumerable<InventInputsResponse> RespondAsync([EnumeratorCancellation] CancellationToken cancellationToken)
        {
            foreach (var seed in request.Seeds)
            {
                _seen.Add(seed);
            }

            var open = Enumerable.Range(0, request.Count).ToList();
            for (var attempt = 0; attempt < MaxTries && open.Count > 0 && _summary.Reason.Length == 0; attempt++)
            {
                var again = new List<int>();
                await foreach (var outcome in AskAllAsync(open, attempt, cancellationToken))
                {
                    if (Judge(outcome) is { } input)
                    {
                        yield return new InventInputsResponse { Input = input };
                    }
                    else
                    {
                        again.Add(outcome.Place);
                    }
                }

                open = again;
            }

            if (_summary.Invented < request.Count && _summary.Reason.Length == 0)
            {
                _summary.Reason = "TRIES_EXHAUSTED";
            }

            yield return new InventInputsResponse { Summary = _summary };
        }

        // In the order of the places, whichever is answered first; nothing more is begun once there is no money.
        private async IAsyncEnumerable<Outcome> AskAllAsync(List<int> places, int attempt, [EnumeratorCancellation] CancellationToken cancellationToken)
        {
            using var stop = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
            var window = new Queue<Task<Outcome>>();
            var next = 0;
            try
            {
                while (true)
                {
                    while (next < places.Count && window.Count < inFlight && _summary.Reason.Length == 0)
                    {
                        window.Enqueue(AskAsync(places[next++], attempt, stop.Token));
                    }

                    if (window.Count == 0)
                    {
                        yield break;
                    }

                    var outcome = await window.Peek();
                    _ = window.Dequeue();
                    yield return outcome;
                }
            }
            finally
            {
                await stop.CancelAsync();
                await Task.WhenAll((IEnumerable<Task>)window).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            }
        }

        private async Task<Outcome> AskAsync(int place, int attempt, CancellationToken cancellationToken)
        {
            try
            {
                var answer = await teacher.AnswerAsync(_invention.Question(place, attempt), query with { Sample = _invention.SampleOf(place, attempt) }, null, cancellationToken);
                return new Outcome(place, answer, null);
            }
            catch (TeacherRowException refused)
            {
                return new Outcome(place, null, refused);
            }
            catch (TeacherFailedException failed)
            {
                throw failed.ToRpc();
            }
        }

        private Example? Judge(Outcome outcome)
        {
            if (outcome.Refused is { IsOutOfBudget: true } spent)
            {
                _summary.Reason = spent.Reason;
                return null;
            }

            _summary.Asked++;
            Count(outcome.Answer);
            if (outcome.Answer is not { } answer || !IsUsable(answer) || _invention.Read(answer.RawText, outcome.Place) is not { } input)
            {
                _summary.Unusable++;
                return null;
            }

            if (_seen.Add(input) is not null)
            {
                _summary.Duplicates++;
                return null;
            }

            input.Id = $"invented-{++_summary.Invented}";
            return input;
        }

        // What is written is the input as a whole: whether an answer can be read from it says nothing.
        private static bool IsUsable(BackendAnswer answer) =>
            answer.Outcome is not (ParseOutcome.Refusal or ParseOutcome.Truncated or ParseOutcome.Failed or ParseOutcome.Echo) && answer.FinishReason != "length";

        private void Count(BackendAnswer? answer)
        {
            if (answer is { IsKept: true })
            {
                _summary.Kept++;
            }
            else if (answer is not null)
            {
                _summary.Usage.Add(answer.Usage);
            }
        }
    }
}
