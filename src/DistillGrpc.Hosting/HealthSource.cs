namespace DistillGrpc.Hosting;

/// <summary>
/// What a service says of the health of a name that it knows better than others: true where it answers, false where it does not, and null where it
/// has nothing to say of it. Asked often, from any thread: it waits for nothing.
/// </summary>
/// <param name="name">As in <c>grpc.health.v1</c>: a service's full name, or any other, such as <c>models/{id}</c>; empty for the whole process.</param>
public delegate bool? HealthSource(string name);
