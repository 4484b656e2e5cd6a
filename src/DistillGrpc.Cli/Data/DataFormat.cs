namespace DistillGrpc.Cli.Data;

/// <summary>How the rows of a command's file are written.</summary>
internal enum DataFormat
{
    /// <summary>A JSON object on each line.</summary>
    Jsonl,

    /// <summary>A table with a header line.</summary>
    Csv,

    /// <summary>An input on each line.</summary>
    Text,

    /// <summary>Apache Parquet.</summary>
    Parquet,

    /// <summary>The layout of the paper's own repository.</summary>
    Reference,
}
