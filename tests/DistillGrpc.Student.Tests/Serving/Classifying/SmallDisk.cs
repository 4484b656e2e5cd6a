namespace DistillGrpc.Student.Tests.Serving.Classifying;

/// <summary>A disk that is full when a test says so: it takes half of what is written then.</summary>
internal sealed class SmallDisk
{
    private const int NoSpace = 28;

    public bool IsFull { get; set; }

    /// <summary>It does not even give back what it took.</summary>
    public bool IsBroken { get; set; }

    /// <summary>Files opened.</summary>
    public int Opened { get; private set; }

    public FileStream Open(string path)
    {
        Opened++;
        return new RowFile(this, path);
    }

    private sealed class RowFile(SmallDisk disk, string path) : FileStream(path, FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.ReadWrite, bufferSize: 0)
    {
        public override void Write(byte[] buffer, int offset, int count)
        {
            base.Write(buffer, offset, disk.IsFull ? count / 2 : count);
            if (disk.IsFull && count > 0)
            {
                throw new IOException("No space left on device", NoSpace);
            }
        }

        public override void SetLength(long value)
        {
            if (disk.IsBroken)
            {
                throw new IOException("Input/output error");
            }

            base.SetLength(value);
        }
    }
}
