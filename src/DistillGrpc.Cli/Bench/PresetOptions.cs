using DistillGrpc.Modeling.Engines;
using DistillGrpc.Modeling.Engines.Cpu;

namespace DistillGrpc.Cli.Bench;

/// <summary>A Student within this process, with a model that has random weights.</summary>
/// <param name="Preset">One of <see cref="BenchPreset.Names"/>.</param>
/// <param name="Engine">What computes.</param>
/// <param name="Precision">What the weights are kept in.</param>
/// <param name="Threads">Threads of a step, of either engine.</param>
/// <param name="Seed">Of the weights.</param>
/// <param name="MaxInputTokens">Most tokens that the model reads.</param>
/// <param name="MaxOutputTokens">Most tokens that a request may ask for.</param>
/// <param name="MaxQueue">Requests that may wait.</param>
internal sealed record PresetOptions(string Preset, EngineKind Engine, Precision Precision, int Threads, int Seed, int MaxInputTokens, int MaxOutputTokens, int MaxQueue);
