using System.Security.Cryptography;
using DistillGrpc.Client;
using DistillGrpc.Client.Examples;
using DistillGrpc.Contracts.V1;
using Google.Protobuf;
using Google.Protobuf.WellKnownTypes;
using Grpc.Core;

namespace DistillGrpc.EndToEnd.Tests.Datasets;

public sealed class DatasetTests(RunningPair pair) : IClassFixture<RunningPair>
{
    private readonly DatasetClient _datasets = new(pair.Channel);
    private readonly DatasetService.DatasetServiceClient _wire = new(pair.Channel);

    [Fact]
    public async Task Upload_Rows_AreReadBackInOrderUnderTheHashOfTheirMessages()
    {
        var rows = Rows("order", 500);
        rows[3].Teaching = Taught();
        rows[4].Label = "";
        rows[5].Rationale = "";

        var uploaded = await UploadAsync(rows, new UploadSpec { DisplayName = "order" });
        var dataset = await _datasets.GetAsync(uploaded.Dataset.Name);
        var read = await _datasets.ReadAsync(dataset.Name).ToListAsync();

        Assert.Equal(rows, read);
        Assert.Equal((HashOf(rows), 500L, "order"), (dataset.ContentHash, dataset.Rows, dataset.DisplayName));
        Assert.Equal("datasets/" + dataset.ContentHash[..32], dataset.Name);
        Assert.Equal(new DatasetCounts { GoldLabels = 499, TeacherLabels = 500, Rationales = 499, SoftLabels = 1, DistinctLabels = 3, Groups = 50, GroupedRows = 500 }, dataset.Counts);
        Assert.Equal(new DatasetOrigin { Upload = new UploadOrigin() }, dataset.Origin);
        Assert.Equal((0, 0, false), (uploaded.RejectedCount, uploaded.Duplicates, uploaded.Existed));
        Assert.Equal(SHA256.HashData(await File.ReadAllBytesAsync(Path.Combine(pair.State, dataset.Name, "rows.bin"))), Convert.FromHexString(dataset.ContentHash));
        Assert.Equal(dataset.SizeBytes, new FileInfo(Path.Combine(pair.State, dataset.Name, "rows.bin")).Length);
    }

    [Fact]
    public async Task Upload_SameRowsAgain_IsTheSameDatasetAndAnotherOrderIsAnother()
    {
        var rows = Rows("again", 20);

        var first = await UploadAsync(rows, new UploadSpec { DisplayName = "first" });
        var again = await UploadAsync(rows, new UploadSpec { DisplayName = "second" });
        var other = await UploadAsync([.. rows.Reverse()], new UploadSpec());

        Assert.Equal((first.Dataset, true), (again.Dataset, again.Existed));
        Assert.NotEqual(first.Dataset.Name, other.Dataset.Name);
        Assert.Single(await _datasets.ListAsync().Where(dataset => dataset.ContentHash == first.Dataset.ContentHash).ToListAsync());
    }

    [Fact]
    public async Task Upload_EmptyMessagesWithinARow_SayNothing()
    {
        var (bare, empty) = (Rows("bare", 1), Rows("bare", 1));
        empty[0].Teaching = new Teaching { Provenance = new Provenance() };

        Assert.Equal((await UploadAsync(bare, new UploadSpec())).Dataset.Name, (await UploadAsync(empty, new UploadSpec())).Dataset.Name);
    }

    [Fact]
    public async Task Find_FirstDigitsOfTheId_SufficeFromSixOn()
    {
        var name = (await UploadAsync(Rows("prefix", 3), new UploadSpec())).Dataset.Name;

        Assert.Equal(name, (await _datasets.GetAsync(name[..("datasets/".Length + 6)])).Name);
        Assert.Equal(name, (await _datasets.GetAsync(name[..("datasets/".Length + 31)])).Name);
        foreach (var refused in new[] { name[..("datasets/".Length + 5)], "models/abcdef", "datasets/../../x", "datasets/ABCDEF", "", name + "0", name + "\n" })
        {
            var failure = await Assert.ThrowsAsync<RpcException>(() => _datasets.GetAsync(refused));
            Assert.Equal((StatusCode.InvalidArgument, "name"), (failure.StatusCode, RpcErrors.Field(failure)));
        }

        var unknown = await Assert.ThrowsAsync<RpcException>(() => _datasets.GetAsync("datasets/" + new string('0', 32)));
        Assert.Equal((StatusCode.NotFound, "DATASET_NOT_FOUND"), (unknown.StatusCode, RpcErrors.Reason(unknown)));
    }

    [Fact]
    public async Task Upload_RowsThatCannotBeUsed_AreReportedByPlaceFieldAndReasonAndTheOthersKept()
    {
        (Action<Example> Break, string Field)[] bad =
        [
            (row => row.Id = "", "row.id"),
            (row => row.Id = new string('x', 201), "row.id"),
            (row => row.Id = "a\nb", "row.id"),
            (row => row.Id = "good", "row.id"),
            (row => row.Segments.Clear(), "row.segments"),
            (row => row.Segments.AddRange(Enumerable.Repeat("x", 64)), "row.segments"),
            (row => row.Segments.Add(" \t"), "row.segments[1]"),
            (row => row.Label = " ", "row.label"),
            (row => row.TeacherLabel = "\n", "row.teacher_label"),
            (row => row.Rationale = "  ", "row.rationale"),
            (row => Teach(row).LabelDistribution[1].Probability = double.NaN, "row.teaching.label_distribution[1].probability"),
            (row => Teach(row).LabelDistribution[0].Probability = 1e300, "row.teaching.label_distribution[0].probability"),
            (row => Teach(row).LabelDistribution[1].Probability = 0.3, "row.teaching.label_distribution"),
            (row => Teach(row).LabelDistribution[1].Label = "0", "row.teaching.label_distribution[1].label"),
            (row => Teach(row).Tokens[0].Tokens[0].LogProbability = double.NegativeInfinity, "row.teaching.tokens[0].tokens[0].log_probability"),
            (row => Teach(row).Tokens[0].Tokens[0].LogProbability = double.NaN, "row.teaching.tokens[0].tokens[0].log_probability"),
            (row => Teach(row).Tokens[0].Tokens[0].LogProbability = 3, "row.teaching.tokens[0].tokens[0].log_probability"),
            (row => Teach(row).Tokens.Add(new TokenPosition()), "row.teaching.tokens[1].tokens"),
            (row => Teach(row).Rationales.Add(""), "row.teaching.rationales[1]"),
            (row => { Teach(row); row.Rationale = ""; }, "row.teaching.rationales"),
            (row => Teach(row).Agreement = double.PositiveInfinity, "row.teaching.agreement"),
            (row => Teach(row).Provenance.CreateTime = new Timestamp { Seconds = long.MaxValue }, "row.teaching.provenance.create_time"),
            (row => row.Segments[0] = new string('x', 2 << 20), "row"),
        ];
        var rows = Rows("bad", bad.Length + 1);
        rows[0].Id = "good";
        for (var i = 0; i < bad.Length; i++)
        {
            bad[i].Break(rows[i + 1]);
        }

        var response = await UploadAsync(rows, new UploadSpec());

        Assert.Equal((bad.Length, 1L), (response.RejectedCount, response.Dataset.Rows));
        Assert.Equal(bad.Select((row, i) => (i + 2L, row.Field)), response.Rejected.Select(row => (row.Position, row.Error.Field)));
        Assert.Equal(["DUPLICATE_ID", "ROW_TOO_LARGE"], response.Rejected.Select(row => row.Error.Reason).Where(reason => reason != "INVALID_FIELD"));
        Assert.All(response.Rejected, row => Assert.True(row.Error.Message.Length is > 0 and < 200 && row.Id.Length <= 200));
        Assert.Equal([rows[0]], await _datasets.ReadAsync(response.Dataset.Name).ToListAsync());
    }

    [Fact]
    public async Task Upload_RowsOfAFile_AreReportedWithTheirLinesAndThoseThatCannotBeReadToo()
    {
        var rows = Rows("lines", 4);
        rows[3].Id = rows[0].Id;
        FileRow[] file = [new(2, rows[0]), new(5, null, "it is not JSON"), new(7, rows[1]), new(9, rows[3]), new(11, rows[2])];

        var response = await _datasets.UploadAsync(new UploadSpec(), file.ToAsyncEnumerable());

        Assert.Equal([(5, "UNREADABLE", "it is not JSON"), (9, "DUPLICATE_ID", "came before")], response.Rejected.Select(row => ((int)row.Position, row.Error.Reason, row.Error.Message)));
        Assert.Equal((3, 2, 2), (response.Dataset.Rows, response.RejectedCount, response.Dataset.Origin.Upload.Rejected));
    }

    [Fact]
    public async Task Upload_MoreRejectedRowsThanPermitted_KeepsNothingAndNamesThem()
    {
        var rows = Rows("limit", 6);
        rows[1].Id = rows[4].Id = "";

        var failure = await Assert.ThrowsAsync<RpcException>(() => UploadAsync(rows, new UploadSpec { MaxRejectedRows = 1 }));
        var permitted = await UploadAsync(rows, new UploadSpec { MaxRejectedRows = 2 });

        Assert.Equal((StatusCode.InvalidArgument, "TOO_MANY_REJECTED_ROWS"), (failure.StatusCode, RpcErrors.Reason(failure)));
        Assert.Equal(["row 2: row.id must have 1 to 200 characters", "row 5: row.id must have 1 to 200 characters"], RpcErrors.Violations(failure));
        Assert.Equal((4, false), (permitted.Dataset.Rows, permitted.Existed));
        await NothingUnfinishedAsync();
    }

    [Fact]
    public async Task Upload_MoreRejectedRowsThanAreListed_CountsThemAll()
    {
        var rows = Rows("many", 301).Select((row, i) => i == 0 ? row : new Example());

        var response = await UploadAsync([.. rows], new UploadSpec());

        Assert.Equal((300, 100, 1), (response.RejectedCount, response.Rejected.Count, response.Dataset.Rows));
    }

    [Fact]
    public async Task Upload_NoRowAtAllOrNoneThatCanBeUsed_IsRefused()
    {
        foreach (var rows in new Example[][] { [], [new Example(), new Example { Id = "x" }] })
        {
            var failure = await Assert.ThrowsAsync<RpcException>(() => UploadAsync(rows, new UploadSpec()));

            Assert.Equal((StatusCode.InvalidArgument, "NO_ROWS"), (failure.StatusCode, RpcErrors.Reason(failure)));
            Assert.Equal(rows.Length == 0 ? ["there is none"] : ["row 1: row.id must have 1 to 200 characters", "row 2 (id x): row.segments must hold 1 to 64 texts"], RpcErrors.Violations(failure));
        }

        await NothingUnfinishedAsync();
    }

    [Fact]
    public async Task Upload_MessagesInAWrongOrder_AreRefusedNamingTheField()
    {
        var (spec, row) = (new UploadDatasetRequest { Spec = new UploadSpec() }, new UploadDatasetRequest { Row = Rows("wire", 1)[0] });
        foreach (var (messages, field) in new (UploadDatasetRequest[], string)[]
        {
            ([], "spec"), ([row], "spec"), ([row, spec], "spec"), ([new UploadDatasetRequest()], "spec"),
            ([spec, row, spec], "row"), ([spec, row, new UploadDatasetRequest()], "row"), ([spec, new UploadDatasetRequest(row) { Line = -1 }], "line"),
            ([new UploadDatasetRequest { Spec = new UploadSpec { DisplayName = new string('x', 201) } }], "spec.display_name"),
            ([new UploadDatasetRequest { Spec = new UploadSpec { DisplayName = "a\u0007" } }], "spec.display_name"),
            ([new UploadDatasetRequest { Spec = new UploadSpec { Duplicates = (DuplicateRows)9 } }], "spec.duplicates"),
            ([new UploadDatasetRequest { Spec = new UploadSpec { MaxRejectedRows = -1 } }], "spec.max_rejected_rows"),
            ([new UploadDatasetRequest { Spec = new UploadSpec { ContentHash = "../x" } }], "spec.content_hash"),
        })
        {
            var failure = await Assert.ThrowsAsync<RpcException>(() => SendAsync(messages));

            Assert.Equal((StatusCode.InvalidArgument, field), (failure.StatusCode, RpcErrors.Field(failure)));
        }

        await NothingUnfinishedAsync();
    }

    [Fact]
    public async Task Upload_Duplicates_AreLeftOutByTheRule()
    {
        var rows = Rows("twice", 5);
        rows[1] = new Example(rows[0]) { Id = "same row" };
        rows[2] = new Example(rows[0]) { Id = "same input", Label = "other" };
        rows[2].Segments[0] = "  " + rows[0].Segments[0].ToUpperInvariant().Replace(" ", " , ", StringComparison.Ordinal) + "!";
        rows[3].Segments[0] = rows[0].Segments[0] + " - 1";

        var kept = await Task.WhenAll(new[] { DuplicateRows.Unspecified, DuplicateRows.SameRow, DuplicateRows.SameInput }.Select(rule => UploadAsync(rows, new UploadSpec { Duplicates = rule })));

        Assert.Equal([(5, 0, 0), (4, 1, 0), (3, 2, 0)], kept.Select(upload => ((int)upload.Dataset.Rows, (int)upload.Duplicates, (int)upload.RejectedCount)));
        Assert.Equal(2, kept[2].Dataset.Origin.Upload.Duplicates);
    }

    [Fact]
    public async Task Upload_HashThatTheRowsMustHave_IsCheckedAndSparesTheRowsThatAreThere()
    {
        var rows = Rows("hash", 100);
        var spec = new UploadSpec { ContentHash = HashOf(rows) };

        var other = await Assert.ThrowsAsync<RpcException>(() => UploadAsync(rows[..99], spec));
        var first = await UploadAsync(rows, spec);
        var sent = 0;
        var again = await _datasets.UploadAsync(spec, rows.ToAsyncEnumerable().Select(async (Example row, CancellationToken token) =>
        {
            await Task.Delay(TimeSpan.FromMilliseconds(100), token);
            sent++;
            return row;
        }));

        Assert.Equal((StatusCode.InvalidArgument, "HASH_MISMATCH", "spec.content_hash"), (other.StatusCode, RpcErrors.Reason(other), RpcErrors.Field(other)));
        Assert.Equal((false, true, first.Dataset), (first.Existed, again.Existed, again.Dataset));
        Assert.InRange(sent, 0, 99);
        await NothingUnfinishedAsync();
    }

    [Fact]
    public async Task Upload_ValidateOnly_ReportsAndKeepsNothing()
    {
        var rows = Rows("check", 4);
        rows[2].Id = "";

        var response = await UploadAsync(rows, new UploadSpec { ValidateOnly = true });

        Assert.Equal(("", 3, 1), (response.Dataset.Name, response.Dataset.Rows, response.RejectedCount));
        Assert.Equal(HashOf([rows[0], rows[1], rows[3]]), response.Dataset.ContentHash);
        Assert.DoesNotContain(await _datasets.ListAsync().ToListAsync(), dataset => dataset.ContentHash == response.Dataset.ContentHash);
        await NothingUnfinishedAsync();
    }

    [Fact]
    public async Task Upload_CancelledOrItsSourceFails_LeavesNothing()
    {
        using var stop = new CancellationTokenSource();
        var cancelled = _datasets.UploadAsync(new UploadSpec(), Endless(), stop.Token);
        for (var tries = 0; Unfinished().Length == 0 && tries < 400; tries++)
        {
            await Task.Delay(50);
        }

        Assert.NotEmpty(Unfinished());
        await stop.CancelAsync();

        Assert.True(await Assert.ThrowsAnyAsync<Exception>(() => cancelled) is OperationCanceledException or RpcException { StatusCode: StatusCode.Cancelled });
        await Assert.ThrowsAsync<FormatException>(() => _datasets.UploadAsync(new UploadSpec(), Rows("fails", 10).ToAsyncEnumerable().Select(row => row.Id == "fails-7" ? throw new FormatException() : row)));
        await NothingUnfinishedAsync();
    }

    [Fact]
    public async Task Upload_TextsOfEveryKind_ComeBackAsTheyWere()
    {
        var texts = new[] { "\0", "a\u202eb", "e\u0301", "😀", "</s> [label] <pad>", "\ufeffx", "\u2028", "\r\n", "\ufffd", "ß İ", "=1+1", new string('x', 100_000) };
        var rows = texts.Select((text, i) => new Example { Id = $"kind-{i}", Segments = { $"x{text}", text.Trim().Length > 0 ? text : "x" }, Label = $"x{text}", Group = text, Answer = text }).ToArray();

        var name = (await UploadAsync(rows, new UploadSpec())).Dataset.Name;

        Assert.Equal(rows, await _datasets.ReadAsync(name).ToListAsync());
    }

    [Fact]
    public async Task Read_FromAnOffset_GivesTheRowsAfterItAndRefusesOneThatIsNotThere()
    {
        var rows = Rows("offset", 200);
        var name = (await UploadAsync(rows, new UploadSpec())).Dataset.Name;

        Assert.Equal(rows[150..], await _datasets.ReadAsync(name, offset: 150).ToListAsync());
        Assert.Equal(rows[10..13], await _datasets.ReadAsync(name, offset: 10, maxRows: 3).ToListAsync());
        Assert.Empty(await _datasets.ReadAsync(name, offset: 200).ToListAsync());
        Assert.Equal([198, 199], await _wire.ReadDataset(new ReadDatasetRequest { Name = name, Offset = 198, MaxRows = long.MaxValue }).ResponseStream.ReadAllAsync().Select(response => response.Index).ToListAsync());
        foreach (var (offset, most, field) in new[] { (-1L, 0L, "offset"), (201, 0, "offset"), (0, -1, "max_rows") })
        {
            var failure = await Assert.ThrowsAsync<RpcException>(async () => await _datasets.ReadAsync(name, offset, most).ToListAsync());
            Assert.Equal((StatusCode.InvalidArgument, field), (failure.StatusCode, RpcErrors.Field(failure)));
        }
    }

    [Fact]
    public async Task Read_RowsThatWereChangedOnTheDisk_AreRefusedSayingWhatIsWrongAndUploadedAgain()
    {
        var rows = Rows("damage", 50);
        var name = (await UploadAsync(rows, new UploadSpec())).Dataset.Name;
        var path = Path.Combine(pair.State, name, "rows.bin");
        var bytes = await File.ReadAllBytesAsync(path);
        foreach (var (damaged, said) in new[] { (bytes[..^7], "row 49 cannot be read: the file ends within it"), ([.. bytes[..^1], (byte)(bytes[^1] ^ 1)], "hash"), ([0xff, 0xff, 0xff, 0xff, 0xff, .. bytes[5..]], "row 0 cannot be read: its length cannot be") })
        {
            await File.WriteAllBytesAsync(path, damaged);

            var failure = await Assert.ThrowsAsync<RpcException>(async () => await _datasets.ReadAsync(name).ToListAsync());
            var again = await UploadAsync(rows, new UploadSpec());

            Assert.Equal((StatusCode.DataLoss, "DATASET_DAMAGED"), (failure.StatusCode, RpcErrors.Reason(failure)));
            Assert.Contains(said, failure.Status.Detail, StringComparison.Ordinal);
            Assert.DoesNotContain(pair.State, failure.Status.Detail, StringComparison.Ordinal);
            Assert.Equal((name, false), (again.Dataset.Name, again.Existed));
            Assert.Equal(rows, await _datasets.ReadAsync(name).ToListAsync());
        }
    }

    [Fact]
    public async Task List_PageByPage_GivesEachOnceTheNewestFirst()
    {
        var made = new List<string>();
        for (var i = 0; i < 5; i++)
        {
            made.Insert(0, (await UploadAsync(Rows($"page{i}", 1), new UploadSpec())).Dataset.Name);
        }

        var (listed, token) = (new List<string>(), "");
        do
        {
            var page = await _wire.ListDatasetsAsync(new ListDatasetsRequest { PageSize = 2, PageToken = token });
            Assert.InRange(page.Datasets.Count, 1, 2);
            listed.AddRange(page.Datasets.Select(dataset => dataset.Name));
            token = page.NextPageToken;
        }
        while (token.Length > 0);

        Assert.Equal(made, listed.Where(made.Contains));
        Assert.Equal(listed.Distinct(), listed);
        Assert.Equal(listed, await _datasets.ListAsync().Select(dataset => dataset.Name).ToListAsync());
        foreach (var (request, field) in new[] { (new ListDatasetsRequest { PageSize = -1 }, "page_size"), (new ListDatasetsRequest { PageToken = "5" }, "page_token"), (new ListDatasetsRequest { PageToken = "5.../../x" }, "page_token") })
        {
            var failure = await Assert.ThrowsAsync<RpcException>(async () => await _wire.ListDatasetsAsync(request));
            Assert.Equal((StatusCode.InvalidArgument, field), (failure.StatusCode, RpcErrors.Field(failure)));
        }
    }

    [Fact]
    public async Task Delete_Dataset_IsGoneFromTheDiskAndMayBeUploadedAgain()
    {
        var rows = Rows("delete", 3);
        var name = (await UploadAsync(rows, new UploadSpec())).Dataset.Name;

        await _datasets.DeleteAsync(name);

        Assert.Equal(StatusCode.NotFound, (await Assert.ThrowsAsync<RpcException>(() => _datasets.GetAsync(name))).StatusCode);
        Assert.Equal(StatusCode.NotFound, (await Assert.ThrowsAsync<RpcException>(() => _datasets.DeleteAsync(name))).StatusCode);
        Assert.False(Directory.Exists(Path.Combine(pair.State, name)));
        Assert.False((await UploadAsync(rows, new UploadSpec())).Existed);
    }

    [Fact]
    public async Task ImportExtraction_RowsOfATeacher_AreKeptWithTheirProvenance()
    {
        var extractions = new ExtractionClient(pair.TeacherChannel);
        var name = (await extractions.CreateAsync(new CreateExtractionRequest { ExtractionId = "kept", Spec = new ExtractionSpec { Rationales = new RationaleSpec() } })).Name;
        var inputs = Enumerable.Range(0, 12).Select(i => new Example { Id = $"{i}", Group = "g", Segments = { $"Mia has {20 + i} apples. Mia loses 3 apples. How many apples does Mia have now?" } });
        await extractions.AppendInputsAsync(name, inputs.Append(new Example { Id = "odd", Segments = { "What is love?" } }).ToAsyncEnumerable(), complete: true);

        var events = await _datasets.ImportExtractionAsync(name).ToListAsync();
        var dataset = events[^1].Result.Dataset;
        var rows = await _datasets.ReadAsync(dataset.Name).ToListAsync();

        Assert.Equal((12, "kept", false), (dataset.Rows, dataset.DisplayName, dataset.Origin.Extraction.Partial));
        Assert.Equal(name, dataset.Origin.Extraction.Extraction);
        Assert.All(rows, row => Assert.Equal("teachers/symbolic", row.Teaching.Provenance.Teacher));
        Assert.All(rows, row => Assert.True(row.Rationale.Length > 0 && row.TeacherLabel.Length > 0 && row.Label.Length == 0 && row.Group == "g"));
        Assert.Equal((12, 12), (events.Where(told => told.Progress is not null).Max(told => told.Progress.Rows), rows.Select(row => row.Id).Distinct().Count()));
    }

    [Fact]
    public async Task ImportExtraction_NameThatIsNone_IsRefused()
    {
        foreach (var (extraction, displayName, code, field) in new[] { ("kept", "", StatusCode.InvalidArgument, "extraction"), ("extractions/x", "\u0001", StatusCode.InvalidArgument, "display_name"), ("extractions/none", "", StatusCode.NotFound, null) })
        {
            var failure = await Assert.ThrowsAsync<RpcException>(async () => await _datasets.ImportExtractionAsync(extraction, displayName).ToListAsync());
            Assert.Equal((code, field), (failure.StatusCode, RpcErrors.Field(failure)));
        }

        await NothingUnfinishedAsync();
    }

    private static Example[] Rows(string name, int count) => [.. Enumerable.Range(0, count).Select(i => new Example
    {
        Id = $"{name}-{i}",
        Segments = { $"{name} {i} of it" },
        Label = $"{i % 3}",
        TeacherLabel = $"{i % 4}",
        Rationale = $"Because of {i}.",
        Group = $"{name} {i / 10}",
    })];

    private static Teaching Teach(Example row) => row.Teaching = Taught();

    private static Teaching Taught() => new()
    {
        Provenance = new Provenance { Teacher = "teachers/t", Model = "m", CreateTime = new Timestamp { Seconds = 1_700_000_000, Nanos = 5 } },
        LabelDistribution = { new LabelProbability { Label = "0", Probability = 0.75 }, new LabelProbability { Label = "1", Probability = 0.25 } },
        Tokens = { new TokenPosition { Tokens = { new TokenLogProbability { Token = "0", LogProbability = -0.25 } } } },
        Rationales = { "Or so." },
        Agreement = 0.75,
    };

    // As anybody computes it who has the contracts.
    private static string HashOf(IEnumerable<Example> rows)
    {
        using var bytes = new MemoryStream();
        foreach (var row in rows)
        {
            row.WriteDelimitedTo(bytes);
        }

        return Convert.ToHexStringLower(SHA256.HashData(bytes.ToArray()));
    }

    private Task<UploadDatasetResponse> UploadAsync(Example[] rows, UploadSpec spec) => _datasets.UploadAsync(spec, rows.ToAsyncEnumerable());

    private Task<UploadDatasetResponse> SendAsync(UploadDatasetRequest[] messages) =>
        UploadCall.RunAsync(_ => _wire.UploadDataset(), messages.ToAsyncEnumerable(), CancellationToken.None);

    private static async IAsyncEnumerable<Example> Endless()
    {
        for (var i = 0; ; i++)
        {
            yield return Rows("endless", 1).Select(row => new Example(row) { Id = $"{i}" }).Single();
            await Task.Yield();
        }
    }

    private string[] Unfinished() => Directory.GetDirectories(Path.Combine(pair.State, "datasets"), "unfinished-*");

    // The service may hear of a call's end a moment later than its caller.
    private async Task NothingUnfinishedAsync()
    {
        for (var tries = 0; Unfinished().Length > 0 && tries < 200; tries++)
        {
            await Task.Delay(50);
        }

        Assert.Empty(Unfinished());
    }
}
