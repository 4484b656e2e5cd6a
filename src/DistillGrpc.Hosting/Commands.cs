using System.Data.Common;
using System.Runtime.CompilerServices;

namespace DistillGrpc.Hosting;

/// <summary>Commands with named parameters.</summary>
public static class Commands
{
    // Preparing a statement costs more than running it.
    private static readonly ConditionalWeakTable<DbConnection, Dictionary<string, DbCommand>> Prepared = [];

    /// <summary>A command of its own, not prepared.</summary>
    public static DbCommand Command(this DbConnection connection, string sql, params ReadOnlySpan<(string Name, object Value)> parameters)
    {
        var command = connection.CreateCommand();
        command.CommandText = sql;
        foreach (var (name, value) in parameters)
        {
            var parameter = command.CreateParameter();
            (parameter.ParameterName, parameter.Value) = (name, value);
            command.Parameters.Add(parameter);
        }

        return command;
    }

    /// <summary>Runs a statement, prepared once for its connection; gives the number of rows that it changed.</summary>
    /// <param name="transaction">On a connection that one thread uses at a time.</param>
    /// <param name="sql">The same text for every run.</param>
    /// <param name="parameters">The same names in the same order for every run.</param>
    public static int Execute(this DbTransaction transaction, string sql, params ReadOnlySpan<(string Name, object Value)> parameters) =>
        Ready(transaction, sql, parameters).ExecuteNonQuery();

    /// <summary>As <see cref="Execute(DbTransaction, string, ReadOnlySpan{ValueTuple{string, object}})"/>, but gives the first value.</summary>
    public static object? Scalar(this DbTransaction transaction, string sql, params ReadOnlySpan<(string Name, object Value)> parameters) =>
        Ready(transaction, sql, parameters).ExecuteScalar();

    /// <summary>As <see cref="Execute(DbTransaction, string, ReadOnlySpan{ValueTuple{string, object}})"/>, but gives all rows.</summary>
    public static List<T> Rows<T>(this DbTransaction transaction, string sql, Func<DbDataReader, T> read, params ReadOnlySpan<(string Name, object Value)> parameters)
    {
        using var reader = Ready(transaction, sql, parameters).ExecuteReader();
        var rows = new List<T>();
        while (reader.Read())
        {
            rows.Add(read(reader));
        }

        return rows;
    }

    /// <summary>Runs statements once, outside of any transaction.</summary>
    public static void Execute(this DbConnection connection, string sql)
    {
        using var command = connection.Command(sql);
        command.ExecuteNonQuery();
    }

    private static DbCommand Ready(DbTransaction transaction, string sql, ReadOnlySpan<(string Name, object Value)> parameters)
    {
        var commands = Prepared.GetOrCreateValue(transaction.Connection!);
        if (!commands.TryGetValue(sql, out var command))
        {
            commands.Add(sql, command = transaction.Connection!.Command(sql, parameters));
        }

        for (var i = 0; i < parameters.Length; i++)
        {
            command.Parameters[i].Value = parameters[i].Value;
        }

        command.Transaction = transaction;
        return command;
    }
}
