using DistillGrpc.Contracts.V1;
using Google.Protobuf;

namespace DistillGrpc.Student.Training.Jobs;

/// <summary>Rows in a file, each as a message with its length in front. A file has its name when all of it is on the disk.</summary>
internal sealed class RowFile : IDisposable
{
    private readonly string _path;
    private readonly FileStream _file;

    /// <summary>Begins a file.</summary>
    /// <param name="path">Where it will be.</param>
    public RowFile(string path)
    {
        _path = path;
        _file = new FileStream(Temporary(path), FileMode.Create, FileAccess.Write, FileShare.None, 1 << 16);
    }

    /// <summary>Adds a row.</summary>
    public void Add(Example row) => row.WriteDelimitedTo(_file);

    /// <summary>Gives the finished file its name.</summary>
    public void Publish()
    {
        _file.Flush(flushToDisk: true);
        _file.Dispose();
        File.Move(Temporary(_path), _path, overwrite: true);
    }

    /// <summary>Reads a file that was published.</summary>
    /// <exception cref="InvalidDataException">It is damaged.</exception>
    public static IEnumerable<Example> Read(string path)
    {
        using var file = new FileStream(path, FileMode.Open, FileAccess.Read, FileShare.Read, 1 << 16);
        while (file.Position < file.Length)
        {
            Example row;
            try
            {
                row = Example.Parser.ParseDelimitedFrom(file);
            }
            catch (InvalidProtocolBufferException damaged)
            {
                throw new InvalidDataException($"{Path.GetFileName(path)} is damaged.", damaged);
            }

            yield return row;
        }
    }

    public void Dispose() => _file.Dispose();

    private static string Temporary(string path) => path + ".tmp";
}
