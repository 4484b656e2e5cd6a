using DistillGrpc.Contracts.V1;
using DistillGrpc.Hosting;
using DistillGrpc.Teacher.Answers;
using DistillGrpc.Teacher.Backends;
using DistillGrpc.Teacher.Backends.OpenAi.Batches;
using DistillGrpc.Teacher.Explaining;
using DistillGrpc.Teacher.Extractions;
using DistillGrpc.Teacher.Inventing;
using DistillGrpc.Teacher.Prompts;
using DistillGrpc.Teacher.Rationales;
using DistillGrpc.Teacher.Spending;
using DistillGrpc.Teacher.Storage;

namespace DistillGrpc.Teacher;

/// <summary>The Teacher as a process, or as a part of one.</summary>
public static class TeacherHost
{
    /// <summary>Where it listens unless <c>Listen</c> says otherwise.</summary>
    public const string DefaultListen = "http://127.0.0.1:5101";

    /// <summary>Builds the service; it is not started.</summary>
    /// <param name="args">Settings as <c>--Key=value</c>, such as <c>--Listen=http://127.0.0.1:0</c>.</param>
    /// <param name="configure">Further changes, for instance to logging.</param>
    /// <param name="isEmbedded">Only <paramref name="args"/> count, no environment and no appsettings.json.</param>
    /// <exception cref="InvalidOperationException">A setting cannot be used; the message names it.</exception>
    public static WebApplication Create(string[] args, Action<WebApplicationBuilder>? configure = null, bool isEmbedded = false)
    {
        var (builder, options) = ServiceDefaults.CreateBuilder<TeacherOptions>("distill-teacher", DefaultListen, [TeacherService.Descriptor.FullName, Contracts.V1.ExtractionService.Descriptor.FullName], args, isEmbedded);
        options.Teachers = TeacherEntries.Of(builder.Configuration.GetSection(nameof(TeacherOptions.Teachers)));
        options.Check();
        builder.Services.AddSingleton(options);
        builder.Services.AddSingleton(TimeProvider.System);
        builder.Services.AddSingleton(PromptCatalog.Load(options.PromptDirectory));
        builder.Services.AddSingleton(services => new TeacherDatabase(
            options.Database.Length > 0 ? new PostgresDialect(options.Database, options.DatabaseLease) : new SqliteDialect(services.GetRequiredService<StateDirectory>()),
            options.DatabaseLease, services.GetRequiredService<TimeProvider>(), services.GetRequiredService<ILogger<TeacherDatabase>>()));
        builder.Services.AddSingleton<AnswerStore>();
        builder.Services.AddSingleton<Ledger>();
        builder.Services.AddSingleton(services => new KeptAnswers(
            services.GetRequiredService<AnswerStore>, services.GetRequiredService<Ledger>,
            teacher => new BatchedQuestions(teacher, services.GetRequiredService<TeacherDatabase>(), services.GetRequiredService<TimeProvider>())));
        builder.Services.AddSingleton(services => TeacherCatalog.Load(
            options, services.GetRequiredService<PromptCatalog>(), services.GetRequiredService<KeptAnswers>(), services.GetRequiredService<TimeProvider>(), services.GetRequiredService<ILogger<TeacherCatalog>>()));
        // Calls under way are finished first, and then what they have cost is written.
        builder.Services.Configure<HostOptions>(host => host.ShutdownTimeout = options.StopGrace + TimeSpan.FromSeconds(20));
        builder.Services.AddSingleton<Planner>();
        builder.Services.AddSingleton<Explainer>();
        builder.Services.AddSingleton<RationaleEngine>();
        builder.Services.AddSingleton<ExtractionEvents>();
        builder.Services.AddSingleton<ExtractionStore>();
        builder.Services.AddSingleton<ExtractionInputs>();
        builder.Services.AddSingleton<ExtractionStatus>();
        builder.Services.AddSingleton<ExtractionReporter>();
        builder.Services.AddSingleton<ExtractionWatch>();
        builder.Services.AddHostedService<ExtractionRunner>();
        builder.Services.AddSingleton<InputInventor>();
        configure?.Invoke(builder);
        var app = builder.Build();
        // Made now: a teacher or a database that cannot be used keeps the service from starting.
        _ = app.Services.GetRequiredService<TeacherCatalog>();
        _ = app.Services.GetRequiredService<TeacherDatabase>();
        app.MapGrpcService<RationaleService>();
        app.MapGrpcService<Extractions.ExtractionService>();
        app.MapServiceDefaults();
        app.Services.GetRequiredService<Readiness>().IsReady = true;
        return app;
    }
}
