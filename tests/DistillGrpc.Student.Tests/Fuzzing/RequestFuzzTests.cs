using DistillGrpc.Contracts.V1;
using DistillGrpc.Student.Models;
using DistillGrpc.Student.Serving.Classifying;
using DistillGrpc.Student.Serving.Explaining;
using DistillGrpc.Student.Serving.Requests;
using DistillGrpc.Student.Serving.Scheduling;
using DistillGrpc.Student.Tests.Serving;
using Google.Protobuf;
using Grpc.Core;
using Field = Google.Protobuf.Reflection.FieldDescriptor;
using FieldType = Google.Protobuf.Reflection.FieldType;
using MessageDescriptor = Google.Protobuf.Reflection.MessageDescriptor;

namespace DistillGrpc.Student.Tests.Fuzzing;

/// <summary>Requests that somebody has damaged: each is read, or refused as its reader says, and none costs more than its bytes.</summary>
public sealed class RequestFuzzTests
{
    private static readonly StudentOptions Options = new();
    private static readonly Caller Nobody = new(Priority.Interactive, DateTimeOffset.MaxValue, CancellationToken.None);

    [Fact]
    public void Messages_OfEveryContract_AreReadOrAreNoProtobuf()
    {
        var mutator = new Mutator(21);
        var messages = new[] { InferenceReflection.Descriptor, ModelReflection.Descriptor, AdminReflection.Descriptor, TrainingReflection.Descriptor, DatasetReflection.Descriptor, TeacherReflection.Descriptor, ExtractionReflection.Descriptor }
            .SelectMany(file => file.MessageTypes).ToArray();
        Assert.InRange(messages.Length, 100, 1000);
        foreach (var message in messages)
        {
            var whole = Filled(message, depth: 3).ToByteArray();
            for (var round = 0; round < 60; round++)
            {
                if (Parsed(() => message.Parser.ParseFrom(mutator.Damage(whole))) is { } read)
                {
                    Assert.Equal(read.ToByteArray(), message.Parser.ParseFrom(read.ToByteArray()).ToByteArray());
                }
            }
        }
    }

    [Fact]
    public void Predict_DamagedRequest_IsAskedAsItStandsOrRefusedByAField()
    {
        var (mutator, reader) = (new Mutator(22), new AskReader(Options));
        using var engine = new ScriptedEngine(_ => "yes");
        var model = new ServingModel(engine, SchedulerRig.Bytes, new ModelCard(), 1);
        var whole = new PredictRequest
        {
            Model = "models/x@stable",
            Segments = { "is it?", "or not?" },
            Task = PredictionTask.Both,
            MaxOutputTokens = 5,
            TopLogProbabilities = 3,
            Candidates = { "yes", "no", "yes and no" },
            Decoding = new DecodingOptions { Temperature = 0.5, TopP = 0.5, MinP = 0.1, RepetitionPenalty = 1.2, Seed = 7, NumAnswers = 2, LengthPenalty = 1 },
            RationaleDecoding = new DecodingOptions { NumBeams = 3, NoRepeatNgramSize = 2, Stop = { "." }, Prefix = "It" },
            RoutingKey = "me",
        }.ToByteArray();
        var asked = 0;
        for (var round = 0; round < 5000; round++)
        {
            if (Parsed(() => PredictRequest.Parser.ParseFrom(mutator.Damage(whole))) is not { } request || Refused(() => reader.Read(request, Nobody, true)) is not { } ask)
            {
                continue;
            }

            asked++;
            Assert.NotEmpty(ask.Segments);
            Assert.InRange(ask.MaxTokens, 1, Options.MaxOutputTokens);
            if (Refused(() => new TaskDecoding(model, ask.LabelDecoding, "decoding", ask.Candidates, ask.TokenLimit)) is { } decoding)
            {
                decoding.Options([]).Validate();
            }
        }

        Assert.InRange(asked, 100, 4500);
    }

    [Fact]
    public void Classify_DamagedRequest_IsAskedAsItStandsOrRefusedByAField()
    {
        var (mutator, reader) = (new Mutator(23), new ClassificationReader(Options));
        var whole = new ClassifyRequest { Model = "models/x", Segments = { "is it?" }, Labels = { "yes", "no" }, TopK = 1, MinProbability = 0.5, Temperature = 2, Escalation = new Escalation { Teacher = "teachers/x", Prompt = "prompts/y" } }.ToByteArray();
        var asked = 0;
        for (var round = 0; round < 3000; round++)
        {
            asked += Parsed(() => ClassifyRequest.Parser.ParseFrom(mutator.Damage(whole))) is { } request && Refused(() => reader.Read(request, Nobody)) is not null ? 1 : 0;
        }

        Assert.InRange(asked, 100, 2700);
    }

    [Theory]
    [InlineData("models/x")]
    [InlineData("models/x@stable")]
    [InlineData("models/x/versions/12")]
    [InlineData("predictions/0123456789abcdef0123456789abcdef")]
    public void Names_Damaged_AreReadAsTheyStandOrRefusedByTheField(string whole)
    {
        var mutator = new Mutator(24);
        for (var round = 0; round < 3000; round++)
        {
            var text = mutator.Damage(whole);
            Refused(() => ModelName.ParseModel(text, "name"), "name");
            Refused(() => ModelName.ParseVersion(text, "name").Id, "name");
            if (Refused(() => PredictionId.Parse(text, "name"), "name") is { } id)
            {
                Assert.Equal(text, PredictionId.NameOf(id));
            }

            if (Refused(() => ModelName.Parse(text, "name"), "name") is { } name)
            {
                Assert.Equal(text, name.Number is { } number ? $"models/{name.Id}/versions/{number}" : name.Alias is { } alias ? $"models/{name.Id}@{alias}" : $"models/{name.Id}");
            }
        }
    }

    [Fact]
    public void CandidateSet_AnyLabels_GivesEachBackAsItWasWrittenOrRefusesOne()
    {
        var mutator = new Mutator(25);
        for (var round = 0; round < 2000; round++)
        {
            // Beginnings of one another, the same twice, and what looks like control.
            string[] labels = [.. Enumerable.Range(0, 1 + mutator.Next(6)).Select(_ => mutator.Damage("label"))];
            if (Refused(() => Made(labels), "candidates") is not { } set)
            {
                continue;
            }

            var texts = set.InOrder();
            Assert.Equal(set.Allowed.Sequences.Count, texts.Length);
            Assert.Subset(labels.ToHashSet(), texts.ToHashSet());
        }

        static CandidateSet Made(string[] labels)
        {
            CandidateSet.Check(labels);
            return new CandidateSet(SchedulerRig.Bytes, labels, 50);
        }
    }

    // Every field has something in it, as far down as there is room.
    private static IMessage Filled(MessageDescriptor type, int depth)
    {
        var message = type.Parser.ParseFrom(ByteString.Empty);
        foreach (var field in type.Fields.InFieldNumberOrder().Where(field => depth > 0 || field.FieldType != FieldType.Message))
        {
            if (field.IsMap)
            {
                var (key, value) = (Value(field.MessageType.FindFieldByNumber(1), depth), Value(field.MessageType.FindFieldByNumber(2), depth));
                ((System.Collections.IDictionary)field.Accessor.GetValue(message)).Add(key, value);
            }
            else if (field.IsRepeated)
            {
                var list = (System.Collections.IList)field.Accessor.GetValue(message);
                list.Add(Value(field, depth));
                list.Add(Value(field, depth));
            }
            else
            {
                field.Accessor.SetValue(message, Value(field, depth));
            }
        }

        return message;
    }

    private static object Value(Field field, int depth) => field.FieldType switch
    {
        FieldType.Message => Filled(field.MessageType, depth - 1),
        FieldType.Enum => 1,
        FieldType.String => "a text",
        FieldType.Bytes => ByteString.CopyFromUtf8("bytes"),
        FieldType.Bool => true,
        FieldType.Double => 0.5,
        FieldType.Float => 0.5f,
        FieldType.Int32 or FieldType.SInt32 or FieldType.SFixed32 => 7,
        FieldType.UInt32 or FieldType.Fixed32 => 7u,
        FieldType.UInt64 or FieldType.Fixed64 => 7ul,
        _ => 7L,
    };

    private static T? Refused<T>(Func<T> read, string field = "")
        where T : class
    {
        try
        {
            return read();
        }
        catch (RpcException refused)
        {
            Assert.Equal(StatusCode.InvalidArgument, refused.StatusCode);
            Assert.StartsWith(field, refused.Status.Detail, StringComparison.Ordinal);
            return null;
        }
    }

    private static T? Parsed<T>(Func<T> read)
        where T : class
    {
        try
        {
            return read();
        }
        catch (InvalidProtocolBufferException)
        {
            return null;
        }
    }
}
