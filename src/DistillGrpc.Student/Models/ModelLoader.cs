namespace DistillGrpc.Student.Models;

/// <summary>Reads a model from its folder, on the thread that will run it.</summary>
/// <exception cref="InvalidDataException">A file is missing or damaged.</exception>
internal delegate ServingModel ModelLoader(string directory);
