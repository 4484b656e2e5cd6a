using DistillGrpc.Student;

var app = StudentHost.Create(args);
await app.RunAsync();
