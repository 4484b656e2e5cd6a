using System.Threading.Channels;
using DistillGrpc.Contracts.V1;

namespace DistillGrpc.Student.Serving;

/// <summary>One request on its way through a model's thread: what is asked, and where its parts go.</summary>
internal sealed record PredictionJob(
    IReadOnlyList<string> Segments, PredictionTask Task, string GivenLabel, string GivenRationale, int MaxTokens, int TopLogProbabilities, long Enqueued, ChannelWriter<StreamPredictResponse> Output, bool WantsDeltas, CancellationToken CancellationToken);
