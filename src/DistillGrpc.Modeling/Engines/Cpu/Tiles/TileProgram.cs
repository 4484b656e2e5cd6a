using System.Runtime.InteropServices;
using System.Runtime.Intrinsics.X86;

namespace DistillGrpc.Modeling.Engines.Cpu.Tiles;

/// <summary>
/// 32 columns by any number of rows on AMX, Intel's unit for products of tiles (Sapphire Rapids and later): 16,384 byte products by one instruction, of which
/// .NET has none. Each weight is read from memory once for 32 rows; four tiles of sums stay in the unit.
/// </summary>
internal static unsafe partial class TileProgram
{
    // System V: the argument is in rdi; nothing that the caller wants kept is used.
    private static readonly delegate* unmanaged<TileCall*, void> Function = HasTiles() ? (delegate* unmanaged<TileCall*, void>)MachineCode.Load(Code) : null;

    /// <summary>Whether processor and system have tiles.</summary>
    public static bool IsSupported => Function is not null;

    private static ReadOnlySpan<byte> Code =>
    [
        0xc4, 0xe2, 0x78, 0x49, 0x07, // ldtilecfg [rdi]
        0x48, 0x8b, 0x77, 0x48, // mov rsi, [rdi + Inner]
        0x48, 0x8b, 0x57, 0x50, // mov rdx, [rdi + Rows]
        0x4c, 0x8b, 0x47, 0x60, // mov r8, [rdi + Sums]
        0x4c, 0x8b, 0x4f, 0x68, // mov r9, [rdi + Groups]
        0xb8, 0x40, 0x00, 0x00, 0x00, // mov eax, 64
        //// group: the next 32 rows
        0x4c, 0x8b, 0x57, 0x40, // mov r10, [rdi + Weights]
        0x48, 0x8b, 0x4f, 0x58, // mov rcx, [rdi + Blocks]
        0x49, 0x89, 0xf3, // mov r11, rsi
        0x49, 0xc1, 0xe3, 0x04, // shl r11, 4
        0x4d, 0x01, 0xd3, // add r11, r10
        0xc4, 0xe2, 0x7b, 0x49, 0xc0, // tilezero tmm0
        0xc4, 0xe2, 0x7b, 0x49, 0xc8, // tilezero tmm1
        0xc4, 0xe2, 0x7b, 0x49, 0xd0, // tilezero tmm2
        0xc4, 0xe2, 0x7b, 0x49, 0xd8, // tilezero tmm3
        //// block: the next 64 bytes of each
        0xc4, 0xc2, 0x7b, 0x4b, 0x24, 0x32, // tileloadd tmm4, [r10 + rsi]
        0xc4, 0xe2, 0x7b, 0x4b, 0x34, 0x02, // tileloadd tmm6, [rdx + rax]
        0xc4, 0xe2, 0x7b, 0x4b, 0xbc, 0x02, 0x00, 0x04, 0x00, 0x00, // tileloadd tmm7, [rdx + rax + 1024]
        0xc4, 0xe2, 0x4b, 0x5e, 0xc4, // tdpbssd tmm0, tmm4, tmm6
        0xc4, 0xc2, 0x7b, 0x4b, 0x2c, 0x33, // tileloadd tmm5, [r11 + rsi]
        0xc4, 0xe2, 0x43, 0x5e, 0xcc, // tdpbssd tmm1, tmm4, tmm7
        0xc4, 0xe2, 0x4b, 0x5e, 0xd5, // tdpbssd tmm2, tmm5, tmm6
        0xc4, 0xe2, 0x43, 0x5e, 0xdd, // tdpbssd tmm3, tmm5, tmm7
        0x49, 0x83, 0xc2, 0x40, // add r10, 64
        0x49, 0x83, 0xc3, 0x40, // add r11, 64
        0x48, 0x81, 0xc2, 0x00, 0x08, 0x00, 0x00, // add rdx, 2048
        0x48, 0xff, 0xc9, // dec rcx
        0x75, 0xbc, // jnz block
        0xc4, 0xc2, 0x7a, 0x4b, 0x04, 0x00, // tilestored [r8 + rax], tmm0
        0xc4, 0xc2, 0x7a, 0x4b, 0x8c, 0x00, 0x00, 0x04, 0x00, 0x00, // tilestored [r8 + rax + 1024], tmm1
        0xc4, 0xc2, 0x7a, 0x4b, 0x94, 0x00, 0x00, 0x08, 0x00, 0x00, // tilestored [r8 + rax + 2048], tmm2
        0xc4, 0xc2, 0x7a, 0x4b, 0x9c, 0x00, 0x00, 0x0c, 0x00, 0x00, // tilestored [r8 + rax + 3072], tmm3
        0x49, 0x81, 0xc0, 0x00, 0x10, 0x00, 0x00, // add r8, 4096
        0x49, 0xff, 0xc9, // dec r9
        0x0f, 0x85, 0x62, 0xff, 0xff, 0xff, // jnz group
        0xc4, 0xe2, 0x78, 0x49, 0xc0, // tilerelease
        0xc3, // ret
    ];

    /// <summary>Runs it.</summary>
    public static void Run(TileCall* call) => Function(call);

    // The unit's state is large: Linux wants to be asked for it once in a process.
    private static bool HasTiles()
    {
        const int Leaf = 7;
        const int TilesAndBytes = (1 << 24) | (1 << 25);
        const nint ArchPrctl = 158;
        const nint RequestPermission = 0x1023;
        const nint TileData = 18;
        return OperatingSystem.IsLinux() && X86Base.X64.IsSupported && Avx512F.IsSupported
            && X86Base.CpuId(0, 0).Eax >= Leaf
            && (X86Base.CpuId(Leaf, 0).Edx & TilesAndBytes) == TilesAndBytes
            && SystemCall(ArchPrctl, RequestPermission, TileData) == 0;
    }

    [LibraryImport("libc", EntryPoint = "syscall")]
    private static partial nint SystemCall(nint number, nint first, nint second);
}
