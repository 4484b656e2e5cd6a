using System.Diagnostics;
using System.Net;
using System.Net.Sockets;

namespace DistillGrpc.Tests;

/// <summary>
/// A private PostgreSQL cluster in a temporary folder, on a free loopback port, synced to the disk as it comes: one for the tests
/// of a collection, with a database for each.
/// </summary>
public sealed class PostgresServer : IAsyncLifetime
{
    /// <summary>The collection of the tests that use it.</summary>
    public const string Collection = "PostgreSQL";

    /// <summary>The password that it asks for.</summary>
    public const string Password = "hush-hush-17";

    /// <summary>Why a test is skipped.</summary>
    internal const string Missing = "needs PostgreSQL (tests/postgres/install)";

    private readonly string _folder = Path.Combine(Path.GetTempPath(), $"distill-postgres-{Guid.NewGuid():n}");
    private int _databases;

    /// <summary>Debian's folder of PostgreSQL's programs, or null where it is not installed.</summary>
    internal static string? Programs { get; } = !Directory.Exists("/usr/lib/postgresql") ? null
        : Directory.GetDirectories("/usr/lib/postgresql").Select(version => Path.Combine(version, "bin")).Where(bin => File.Exists(Path.Combine(bin, "initdb"))).Order(StringComparer.Ordinal).LastOrDefault();

    /// <summary>Where it listens.</summary>
    public int Port { get; private set; } = FreePort();

    /// <summary>Starts it; nothing where PostgreSQL is not installed, since all tests are skipped then.</summary>
    public async Task InitializeAsync()
    {
        if (Programs is null)
        {
            return;
        }

        await RunAsync($"mkdir -p '{_folder}' && echo {Password} > '{_folder}/password' && '{Programs}/initdb' -D '{_folder}/data' --auth-local=trust --auth-host=scram-sha-256 --pwfile='{_folder}/password' -U postgres -E UTF8 --locale=C");
        for (var tries = 1; ; tries++)
        {
            try
            {
                await StartAsync();
                return;
            }
            catch (InvalidOperationException) when (tries < 5)
            {
                // Somebody may have taken the port meanwhile.
                Port = FreePort();
            }
        }
    }

    public async Task DisposeAsync()
    {
        if (Programs is not null)
        {
            await StopAsync("immediate");
            await RunAsync($"rm -rf '{_folder}'");
        }
    }

    /// <summary>Makes a database; gives its connection string.</summary>
    public async Task<string> CreateDatabaseAsync()
    {
        var name = $"test{Interlocked.Increment(ref _databases)}";
        await RunAsync($"'{Programs}/createdb' -h '{_folder}' -p {Port} -U postgres {name}");
        return $"Host=127.0.0.1;Port={Port};Username=postgres;Password={Password};Database={name}";
    }

    /// <summary>Runs statements; gives what the last gives.</summary>
    public async Task<string> QueryAsync(string connectionString, string sql) => await RunAsync(
        $"'{Programs}/psql' -h '{_folder}' -p {Port} -U postgres -X -A -t -q -v ON_ERROR_STOP=1 {connectionString[(connectionString.LastIndexOf('=') + 1)..]} <<'END'\n{sql};\nEND");

    /// <summary>Starts it after <see cref="StopAsync"/>.</summary>
    public Task StartAsync() => RunAsync($"'{Programs}/pg_ctl' start -w -D '{_folder}/data' -l '{_folder}/log' -o \"-c listen_addresses=127.0.0.1 -c port={Port} -c unix_socket_directories='{_folder}'\" >'{_folder}/start' 2>&1");

    /// <summary>Stops it.</summary>
    /// <param name="mode"><c>fast</c> ends its sessions, <c>immediate</c> is a crash.</param>
    public Task StopAsync(string mode) => RunAsync($"'{Programs}/pg_ctl' stop -m {mode} -w -D '{_folder}/data'");

    // It refuses to be run by root.
    private static async Task<string> RunAsync(string command)
    {
        string[] shell = ["bash", "-c", command];
        string[] whole = Environment.UserName == "root" ? ["runuser", "-u", "postgres", "--", .. shell] : shell;
        using var process = Process.Start(new ProcessStartInfo(whole[0], whole[1..]) { RedirectStandardOutput = true, RedirectStandardError = true, WorkingDirectory = Path.GetTempPath() })!;
        var (output, errors) = (process.StandardOutput.ReadToEndAsync(), process.StandardError.ReadToEndAsync());
        await process.WaitForExitAsync();
        return process.ExitCode == 0 ? (await output).Trim() : throw new InvalidOperationException($"{command}: {await errors}");
    }

    // Not one of those that others get who ask for any: it is to be free at every start.
    private static int FreePort()
    {
        while (true)
        {
            try
            {
                using var listener = new TcpListener(IPAddress.Loopback, Random.Shared.Next(15_000, 32_000));
                listener.Start();
                return ((IPEndPoint)listener.LocalEndpoint).Port;
            }
            catch (SocketException)
            {
                // Taken: another.
            }
        }
    }
}
