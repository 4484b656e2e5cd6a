using System.Runtime.InteropServices;

namespace DistillGrpc.Modeling.Engines.Cpu;

/// <summary>Instructions that .NET does not know, in memory that the processor may run. It stays until the process ends.</summary>
internal static unsafe partial class MachineCode
{
    private const int Read = 1;
    private const int Write = 2;
    private const int Execute = 4;
    private const int PrivateAnonymous = 0x22;

    /// <summary>Makes a function of its instructions; null where the system does not let a process do so.</summary>
    public static void* Load(ReadOnlySpan<byte> code)
    {
        var length = (nuint)code.Length;
        var memory = Map(null, length, Read | Write, PrivateAnonymous, -1, 0);
        if (memory == -1)
        {
            return null;
        }

        code.CopyTo(new Span<byte>((void*)memory, code.Length));
        if (Protect((void*)memory, length, Read | Execute) == 0)
        {
            return (void*)memory;
        }

        _ = Unmap((void*)memory, length);
        return null;
    }

    [LibraryImport("libc", EntryPoint = "mmap")]
    private static partial nint Map(void* at, nuint length, int protection, int flags, int file, nint offset);

    [LibraryImport("libc", EntryPoint = "mprotect")]
    private static partial int Protect(void* at, nuint length, int protection);

    [LibraryImport("libc", EntryPoint = "munmap")]
    private static partial int Unmap(void* at, nuint length);
}
