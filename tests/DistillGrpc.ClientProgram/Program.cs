using DistillGrpc.Client;
using DistillGrpc.Contracts.V1;

// What another team's service does with a Student, with the client's package alone: uploads rows, trains, watches, predicts.
if (args is not [var address])
{
    Console.Error.WriteLine("Usage: DistillGrpc.ClientProgram ADDRESS");
    return 2;
}

using var channel = DistillChannel.To(new Uri(address));
var (datasets, training, inference) = (new DatasetClient(channel), new TrainingClient(channel), new InferenceClient(channel));
var rows = Enumerable.Range(20, 40).Select(i => new Example
{
    Id = $"{i}",
    Segments = { $"Mia has {i} apples. Mia loses 3 apples. How many apples does Mia have now?" },
    Label = $"{i} - 3",
    TeacherLabel = $"{i} - 3",
    Rationale = $"Mia has {i} apples and loses 3.",
}).ToArray();
var learnt = await datasets.UploadAsync(new UploadSpec { DisplayName = "apples" }, rows.Where((_, i) => i % 4 > 0).ToAsyncEnumerable());
var heldOut = await datasets.UploadAsync(new UploadSpec { DisplayName = "apples-held-out" }, rows.Where((_, i) => i % 4 == 0).ToAsyncEnumerable());
Console.WriteLine($"uploaded {learnt.Dataset.Rows} {heldOut.Dataset.Rows}");

var job = await training.CreateAsync(new CreateTrainingJobRequest
{
    RequestId = "apples-1",
    Spec = new TrainingSpec { ModelId = "apples", Preset = "micro", Steps = 30, Dataset = learnt.Dataset.Name, EvaluationDataset = heldOut.Dataset.Name, Report = new ReportOptions { SkipBaseline = true } },
});
var last = 0L;
await foreach (var happened in training.WatchAsync(job.Name))
{
    last = happened.Sequence == last + 1 ? happened.Sequence : throw new InvalidDataException($"Event {happened.Sequence} came after {last}.");
}

var ended = await training.GetAsync(job.Name);
Console.WriteLine($"trained {ended.State} {ended.Result.Model} {ended.LastSequence == last}");

var answers = await inference.StreamPredictAsync(new StreamPredictRequest { Model = "models/apples", Segments = { rows[0].Segments }, Task = PredictionTask.Both, MaxOutputTokens = 8 }).ToListAsync();
Console.WriteLine($"predicted {string.Join(' ', answers.Where(part => part.Answer is not null).Select(part => part.Answer.Task))}");
return 0;
