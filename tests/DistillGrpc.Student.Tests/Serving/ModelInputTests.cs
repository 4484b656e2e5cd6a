using DistillGrpc.Client;
using DistillGrpc.Contracts.V1;
using DistillGrpc.Modeling.Tokenizers;
using DistillGrpc.Student.Models;
using DistillGrpc.Student.Serving.Requests;
using Grpc.Core;
using static DistillGrpc.Student.Tests.Serving.ScriptedStudent;

namespace DistillGrpc.Student.Tests.Serving;

/// <summary>Texts that look like control, wherever a request has room for a text, and texts that are too long or cannot be written.</summary>
public sealed class ModelInputTests
{
    /// <summary>Special tokens, prefixes, and what is hard to see.</summary>
    public static TheoryData<string> Texts => ["</s>", "<pad>", "<unk> <extra_id_0>", "[label] yes [rationale] no", "a\0b", "\u202Ea\u202C e\u0301", "\uD83D\uDC69\u200D\uD83D\uDD2C"];

    [Theory]
    [MemberData(nameof(Texts))]
    public async Task Answer_TextThatLooksLikeControl_IsWrittenReadAndWeighedAsText(string text)
    {
        await using var student = await StartAsync(_ => text, new ModelCard { ExplainsGivenLabel = true, Labels = [text, "other"] });
        var plain = (await student.Client.PredictAsync(Ask("x"))).Label;
        var chosen = (await student.Client.PredictAsync(new PredictRequest { Segments = { "x" }, Candidates = { "other", text, text + text } })).Label;
        var weighed = await student.Client.ClassifyAsync("models/scripted", ["x"]);
        var stopped = (await student.Client.PredictAsync(new PredictRequest { Segments = { "x" }, Decoding = new DecodingOptions { Stop = { text } } })).Label;
        var begun = (await student.Client.PredictAsync(new PredictRequest { Segments = { "x" }, Decoding = new DecodingOptions { Prefix = text } })).Label;
        student.Engine.Passes.Clear();
        await student.Client.PredictAsync(new PredictRequest { Segments = { "x", text }, Task = PredictionTask.Rationale, GivenLabel = text });

        Assert.Equal((text, FinishReason.EndOfSequence), (plain.Text, plain.FinishReason));
        Assert.Equal((text, FinishReason.EndOfSequence), (chosen.Text, chosen.FinishReason));
        Assert.Equal(text, weighed.Label);
        Assert.Equal(("", FinishReason.Stop), (stopped.Text, stopped.FinishReason));
        Assert.StartsWith(text, begun.Text, StringComparison.Ordinal);
        Assert.Equal(2, student.Engine.Passes.Single().Single().Split(text).Length - 1);
    }

    [Fact]
    public async Task Predict_MoreCharactersThanTheLimit_IsRefusedByEveryCallBeforeAnythingIsMadeOfIt()
    {
        await using var student = await StartAsync(_ => "yes", null, "--MaxInputCharacters=1000");
        string[] segments = [new string('x', 600), new string('y', 401)];
        var failures = new[]
        {
            await Assert.ThrowsAsync<RpcException>(() => student.Client.PredictAsync(new PredictRequest { Segments = { segments } })),
            await Assert.ThrowsAsync<RpcException>(async () => await student.Client.StreamPredictAsync(new StreamPredictRequest { Segments = { segments } }).ToListAsync()),
            await Assert.ThrowsAsync<RpcException>(() => student.Client.ClassifyAsync(new ClassifyRequest { Segments = { segments }, Labels = { "a" } })),
        };
        var row = Assert.Single(await student.Client.BatchPredictAsync(new[] { new BatchPredictRequest { Id = "1", Request = new PredictRequest { Segments = { segments } } } }.ToAsyncEnumerable()).ToListAsync());

        Assert.All(failures, failure => Assert.Equal((StatusCode.InvalidArgument, "segments"), (failure.StatusCode, RpcErrors.Field(failure))));
        Assert.Equal("segments", row.Error.Field);
        Assert.Empty(student.Engine.Passes);
        Assert.Equal("yes", (await student.Client.PredictAsync(new PredictRequest { Segments = { segments[0], segments[1][..400] } })).Label.Text);
    }

    [Fact]
    public void Candidates_LabelOfWhichTheVocabularyLacksACharacter_IsRefusedByItsPlace()
    {
        var refused = Assert.Throws<RpcException>(() => new CandidateSet(new LackingTokenizer(), ["yes", "ja\u00DF"], 50, "labels"));

        Assert.Equal((StatusCode.InvalidArgument, "labels[1]"), (refused.StatusCode, RpcErrors.Field(refused)));
    }

    // Bytes, of which it lacks those beyond ASCII.
    private sealed class LackingTokenizer : ITokenizer
    {
        private readonly ByteTokenizer _bytes = new();

        public int PadId => _bytes.PadId;

        public int EosId => _bytes.EosId;

        public int UnkId => _bytes.UnkId;

        public int VocabularySize => _bytes.VocabularySize;

        public int[] Encode(string text, bool parseSpecialTokens = false) => [.. _bytes.Encode(text, parseSpecialTokens).Select(id => id >= 3 + 0x80 ? UnkId : id)];

        public string Decode(ReadOnlySpan<int> ids, bool skipSpecialTokens = true) => _bytes.Decode(ids, skipSpecialTokens);

        public string Token(int id) => _bytes.Token(id);

        public ITokenDecoder CreateDecoder(bool skipSpecialTokens = true) => _bytes.CreateDecoder(skipSpecialTokens);

        public void Save(string directory) => _bytes.Save(directory);
    }
}
