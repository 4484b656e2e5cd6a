using System.Net;
using Grpc.Core;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Hosting.Server;
using Microsoft.AspNetCore.Hosting.Server.Features;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.DependencyInjection.Extensions;
using Microsoft.Extensions.Logging;
using OpenTelemetry.Metrics;
using OpenTelemetry.Resources;
using OpenTelemetry.Trace;

namespace DistillGrpc.Hosting;

/// <summary>What both services share: listening, limits, errors, health, reflection and telemetry.</summary>
public static class ServiceDefaults
{
    private const string OtlpEndpoint = "OTEL_EXPORTER_OTLP_ENDPOINT";

    // A line for each request is too much; and what keeps a service from starting is said once, by its program.
    private static readonly KeyValuePair<string, string?>[] Quiet =
    [
        new("Logging:LogLevel:Microsoft.AspNetCore", "Warning"), new("Logging:LogLevel:Grpc", "Warning"),
        new("Logging:LogLevel:System.Net.Http", "Warning"), new("Logging:LogLevel:Microsoft.Extensions.Hosting", "None"),
    ];

    /// <summary>A builder that listens where the configuration says: defaults, appsettings.json beside the program, environment (<c>DISTILL_</c>), command line, in this order.</summary>
    /// <param name="name">The service's name in telemetry.</param>
    /// <param name="listen">Where it listens by default.</param>
    /// <param name="services">The gRPC services' full names, for health; the empty name is always there.</param>
    /// <param name="args">The command line: <c>--Key=value</c>.</param>
    /// <param name="isEmbedded">Only the command line counts: whoever embeds the service says all.</param>
    /// <typeparam name="TOptions">What the operator sets for this service besides <see cref="ServiceOptions"/>, at the configuration's root.</typeparam>
    /// <exception cref="InvalidOperationException">A setting cannot be used; the message names it.</exception>
    public static (WebApplicationBuilder Builder, TOptions Options) CreateBuilder<TOptions>(string name, string listen, string[] services, string[] args, bool isEmbedded)
        where TOptions : class, new()
    {
        RequireKnown(args, typeof(TOptions));
        var builder = WebApplication.CreateBuilder(new WebApplicationOptions { ContentRootPath = AppContext.BaseDirectory });
        var configuration = builder.Configuration;
        // Not every variable of the environment: one called TEACHER may mean somebody else.
        configuration.Sources.Clear();
        configuration.AddInMemoryCollection(Quiet);
        if (!isEmbedded)
        {
            configuration.AddJsonFile(Path.Combine(AppContext.BaseDirectory, "appsettings.json"), optional: true).AddInMemoryCollection(Telemetry()).AddEnvironmentVariables("DISTILL_");
        }

        configuration.AddCommandLine(args);
        var options = SettingReader.Read<ServiceOptions>(configuration);
        options.Check();
        var address = Address(options.Listen.Length > 0 ? options.Listen : listen);
        builder.Services.AddSingleton(options);
        builder.Services.AddSingleton(_ => new StateDirectory(options.StateDirectory, name));
        builder.WebHost.ConfigureKestrel(kestrel =>
        {
            kestrel.Listen(address, endpoint => endpoint.Protocols = HttpProtocols.Http2);
            kestrel.Limits.Http2.MaxStreamsPerConnection = options.MaxStreamsPerConnection;
            kestrel.Limits.Http2.KeepAlivePingDelay = TimeSpan.FromSeconds(30);
            // It would end the whole connection, and streams may be silent: CallPatience ends the one call.
            kestrel.Limits.MinRequestBodyDataRate = null;
        });
        builder.Services.AddGrpc(grpc =>
        {
            grpc.MaxReceiveMessageSize = options.MaxReceiveBytes;
            grpc.Interceptors.Add<ErrorInterceptor>();
        });
        builder.Services.AddGrpcReflection();
        // What a service throws is logged by the interceptor. What is left is messages that cannot be read: their callers are told, and nobody else.
        builder.Logging.AddFilter("Grpc.AspNetCore.Server.ServerCallHandler", LogLevel.Critical);
        builder.Services.TryAddSingleton(TimeProvider.System);
        builder.Services.AddSingleton(ServiceNames.Of(services));
        builder.Services.AddSingleton<Readiness>();
        builder.Services.AddSingleton<HealthService>();
        AddTelemetry(builder, name);
        return (builder, SettingReader.Read<TOptions>(configuration));
    }

    /// <summary>Maps health and, unless it is switched off, reflection, and says what callers get whose messages cannot be read, or who are too slow.</summary>
    public static WebApplication MapServiceDefaults(this WebApplication app)
    {
        app.UseMiddleware<SlowCallers>();
        app.UseMiddleware<MalformedMessage>();
        app.MapGrpcService<HealthService>();
        if (app.Services.GetRequiredService<ServiceOptions>().Reflection)
        {
            app.MapGrpcReflectionService();
        }

        return app;
    }

    /// <summary>Where a started service listens.</summary>
    public static Uri Address(this WebApplication app) =>
        new(app.Services.GetRequiredService<IServer>().Features.Get<IServerAddressesFeature>()!.Addresses.First());

    // The exporter's own settings, as every program reads them.
    private static IEnumerable<KeyValuePair<string, string?>> Telemetry() => Environment.GetEnvironmentVariables().Cast<System.Collections.DictionaryEntry>()
        .Where(variable => $"{variable.Key}".StartsWith("OTEL_", StringComparison.Ordinal)).Select(variable => KeyValuePair.Create($"{variable.Key}", (string?)variable.Value));

    // A misspelt setting would be passed over in silence.
    private static void RequireKnown(string[] args, Type options)
    {
        var known = options.GetProperties().Concat(typeof(ServiceOptions).GetProperties()).Select(property => property.Name).Append("Logging").ToArray();
        foreach (var arg in args)
        {
            var key = arg.TrimStart('-').Split('=', ':')[0];
            if (!arg.StartsWith("--", StringComparison.Ordinal) || !arg.Contains('=', StringComparison.Ordinal)
                || !(known.Contains(key, StringComparer.OrdinalIgnoreCase) || key.StartsWith("OTEL_", StringComparison.Ordinal)))
            {
                throw new InvalidOperationException($"'{arg}' is no setting: settings are --Key=value, with {string.Join(", ", known.Order(StringComparer.Ordinal))}.");
            }
        }
    }

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
