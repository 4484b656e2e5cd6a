using System.Runtime.InteropServices;
using DistillGrpc.Contracts.V1;
using DistillGrpc.Hosting;
using DistillGrpc.Student.Datasets;
using DistillGrpc.Student.Models;
using DistillGrpc.Student.Operating;
using DistillGrpc.Student.Serving;
using DistillGrpc.Student.Serving.Caching;
using DistillGrpc.Student.Serving.Classifying;
using DistillGrpc.Student.Serving.Explaining;
using DistillGrpc.Student.Serving.Requests;
using DistillGrpc.Student.Serving.Traffic;
using DistillGrpc.Student.Storage;
using DistillGrpc.Student.Training;
using DistillGrpc.Student.Training.Jobs;
using Microsoft.Extensions.DependencyInjection.Extensions;

namespace DistillGrpc.Student;

/// <summary>The Student as a process, or as a part of one.</summary>
public static class StudentHost
{
    /// <summary>Where it listens unless <c>Listen</c> says otherwise.</summary>
    public const string DefaultListen = "http://127.0.0.1:5102";

    /// <summary>Builds the service; it is not started.</summary>
    /// <param name="args">Settings as <c>--Key=value</c>, such as <c>--Teacher=http://127.0.0.1:5101</c>.</param>
    /// <param name="configure">Further changes, for instance to logging.</param>
    /// <param name="isEmbedded">Only <paramref name="args"/> count, no environment and no appsettings.json.</param>
    /// <exception cref="InvalidOperationException">A setting cannot be used; the message names it.</exception>
    /// <exception cref="PlatformNotSupportedException">There is no libtorch for this platform.</exception>
    public static WebApplication Create(string[] args, Action<WebApplicationBuilder>? configure = null, bool isEmbedded = false)
    {
        if (!OperatingSystem.IsLinux() || RuntimeInformation.ProcessArchitecture != Architecture.X64)
        {
            throw new PlatformNotSupportedException("The Student runs on Linux on x86-64 only: there is no libtorch in this build for anything else.");
        }

        var (builder, options) = ServiceDefaults.CreateBuilder<StudentOptions>("distill-student", DefaultListen, [InferenceService.Descriptor.FullName, TrainingService.Descriptor.FullName, ModelService.Descriptor.FullName, DatasetService.Descriptor.FullName, AdminService.Descriptor.FullName], args, isEmbedded);
        options.Check();
        builder.Services.AddSingleton(options);
        builder.Services.TryAddSingleton(TimeProvider.System);
        builder.Services.AddSingleton<DatasetStore>();
        builder.Services.AddSingleton<DatasetCalls>();
        builder.Services.TryAddSingleton<ModelLoader>(directory => ServingModel.Load(directory, options));
        builder.Services.AddSingleton<ModelServing>();
        builder.Services.AddSingleton<ModelCatalog>();
        builder.Services.AddSingleton<HealthSource>(services => new ModelHealth(services.GetRequiredService<ModelCatalog>(), services.GetRequiredService<InferenceGate>()).Of);
        builder.Services.AddSingleton<InferenceGate>();
        builder.Services.AddGrpc().AddServiceOptions<PredictionService>(service => service.Interceptors.Add<GateInterceptor>());
        builder.Services.AddSingleton<TrafficRoutes>();
        builder.Services.AddSingleton<Entrance>();
        builder.Services.AddSingleton<Shadows>();
        builder.Services.AddSingleton<ResponseCache>();
        builder.Services.AddSingleton<AskReader>();
        builder.Services.AddSingleton<PredictionStore>();
        builder.Services.AddSingleton<PinnedVersions>();
        builder.Services.AddSingleton<Explanations>();
        builder.Services.AddSingleton<TeacherConnection>();
        builder.Services.AddSingleton<RowTeacher>();
        builder.Services.AddSingleton<InventedRows>();
        builder.Services.AddSingleton<JobValidation>();
        builder.Services.AddSingleton<GivenRationales>();
        builder.Services.AddSingleton<ClassificationReader>();
        builder.Services.AddSingleton<EscalatedRows>();
        builder.Services.AddSingleton<Escalations>();
        builder.Services.AddSingleton<Classifier>();
        builder.Services.AddSingleton<ExtractionRows>();
        builder.Services.AddSingleton<StudentDatabase>();
        builder.Services.AddSingleton<JobStore>();
        builder.Services.AddSingleton<JobRows>();
        builder.Services.AddSingleton<JobWatch>();
        builder.Services.AddSingleton<SentRows>();
        builder.Services.AddSingleton<JobRunner>();
        builder.Services.AddHostedService<ModelLoading>();
        builder.Services.AddHostedService(services => services.GetRequiredService<JobRunner>());
        configure?.Invoke(builder);
        var app = builder.Build();
        // Opened now: a folder that cannot be used keeps the service from starting.
        StoredModels.Check(options, app.Services.GetRequiredService<StateDirectory>());
        app.Services.GetRequiredService<StudentDatabase>();
        app.Services.GetRequiredService<DatasetStore>();
        app.Services.GetRequiredService<PredictionStore>();
        app.MapGrpcService<PredictionService>();
        app.MapGrpcService<JobService>();
        app.MapGrpcService<CatalogService>();
        app.MapGrpcService<DataService>();
        app.MapGrpcService<OperatingService>();
        app.MapServiceDefaults();
        return app;
    }
}
