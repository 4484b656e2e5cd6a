using System.Net;
using Grpc.Core;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Hosting.Server;
using Microsoft.AspNetCore.Hosting.Server.Features;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.Configuration.Memory;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Diagnostics.HealthChecks;
using Microsoft.Extensions.Logging;
using OpenTelemetry.Metrics;
using OpenTelemetry.Resources;
using OpenTelemetry.Trace;

namespace DistillGrpc.Hosting;

/// <summary>What both services share: listening, limits, errors, health, reflection and telemetry.</summary>
public static class ServiceDefaults
{
    private const string OtlpEndpoint = "OTEL_EXPORTER_OTLP_ENDPOINT";

    /// <summary>A builder that listens where the configuration says: defaults, appsettings.json, environment (<c>DISTILL_</c>), command line, in this order.</summary>
    /// <param name="name">The service's name in telemetry.</param>
    /// <param name="listen">Where it listens by default.</param>
    /// <param name="services">The gRPC services' full names, for health; the empty name is always there.</param>
    /// <param name="args">The command line: <c>--Key=value</c>.</param>
    /// <exception cref="InvalidOperationException">A setting cannot be used; the message names it.</exception>
    public static WebApplicationBuilder CreateBuilder(string name, string listen, string[] services, string[] args)
    {
        var builder = WebApplication.CreateBuilder(new WebApplicationOptions { Args = args, ContentRootPath = AppContext.BaseDirectory });
        builder.Configuration.AddEnvironmentVariables("DISTILL_").AddCommandLine(args);
        // Defaults come first, so that any setting overrides them: a line for each request is too much.
        builder.Configuration.Sources.Insert(0, new MemoryConfigurationSource
        {
            InitialData = new Dictionary<string, string?> { ["Logging:LogLevel:Microsoft.AspNetCore"] = "Warning", ["Logging:LogLevel:Grpc"] = "Warning", ["Logging:LogLevel:System.Net.Http"] = "Warning" },
        });
        var options = builder.Configuration.Get<ServiceOptions>() ?? new ServiceOptions();
        var address = Address(options.Listen.Length > 0 ? options.Listen : listen);
        builder.Services.AddSingleton(options);
        builder.Services.AddSingleton(_ => new StateDirectory(options.StateDirectory, name));
        builder.WebHost.ConfigureKestrel(kestrel =>
        {
            kestrel.Listen(address, endpoint => endpoint.Protocols = HttpProtocols.Http2);
            kestrel.Limits.Http2.MaxStreamsPerConnection = options.MaxStreamsPerConnection;
            kestrel.Limits.Http2.KeepAlivePingDelay = TimeSpan.FromSeconds(30);
            kestrel.Limits.MinRequestBodyDataRate = null;
        });
        builder.Services.AddGrpc(grpc =>
        {
            grpc.MaxReceiveMessageSize = options.MaxReceiveBytes;
            grpc.Interceptors.Add<ErrorInterceptor>();
        });
        builder.Services.AddGrpcReflection();
        // The mapping makes a service that is not ready answer NOT_SERVING.
        builder.Services.AddGrpcHealthChecks(health =>
        {
            foreach (var service in services)
            {
                health.Services.Map(service, _ => true);
            }
        }).AddCheck<Readiness>("ready");
        builder.Services.AddSingleton<Readiness>();
        builder.Services.Configure<HealthCheckPublisherOptions>(publisher =>
        {
            publisher.Delay = TimeSpan.Zero;
            publisher.Period = TimeSpan.FromSeconds(1);
        });
        // Not being ready yet is a state that clients ask for, not an error to log each second.
        builder.Logging.AddFilter("Microsoft.Extensions.Diagnostics.HealthChecks", LogLevel.None);
        AddTelemetry(builder, name);
        return builder;
    }

    /// <summary>Maps health and, unless it is switched off, reflection.</summary>
    public static WebApplication MapServiceDefaults(this WebApplication app)
    {
        app.MapGrpcHealthChecksService();
        if (app.Services.GetRequiredService<ServiceOptions>().Reflection)
        {
            app.MapGrpcReflectionService();
        }

        return app;
    }

    /// <summary>Where a started service listens.</summary>
    public static Uri Address(this WebApplication app) =>
        new(app.Services.GetRequiredService<IServer>().Features.Get<IServerAddressesFeature>()!.Addresses.First());

    private static void AddTelemetry(WebApplicationBuilder builder, string name)
    {
        // Without a collector nothing is recorded, and nothing is paid.
        if (string.IsNullOrEmpty(builder.Configuration[OtlpEndpoint]))
        {
            return;
        }

        builder.Services.AddOpenTelemetry()
            .ConfigureResource(resource => resource.AddService(name))
            .WithTracing(tracing => tracing.AddSource("DistillGrpc.*").AddAspNetCoreInstrumentation().AddGrpcClientInstrumentation().AddHttpClientInstrumentation().AddOtlpExporter())
            .WithMetrics(metrics => metrics.AddMeter("DistillGrpc.*").AddAspNetCoreInstrumentation().AddHttpClientInstrumentation().AddRuntimeInstrumentation().AddOtlpExporter());
    }

    private static IPEndPoint Address(string listen)
    {
        if (Uri.TryCreate(listen, UriKind.Absolute, out var uri) && uri is { Scheme: "http" })
        {
            var host = uri.Host switch { "localhost" => "127.0.0.1", "*" or "+" => "0.0.0.0", var other => other.Trim('[', ']') };
            if (IPAddress.TryParse(host, out var address))
            {
                return new IPEndPoint(address, uri.Port);
            }
        }

        throw new InvalidOperationException($"Listen: '{listen}' is not an address such as http://127.0.0.1:5101.");
    }
}
