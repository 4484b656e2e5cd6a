using DistillGrpc.Teacher;

var app = TeacherHost.Create(args);
await app.RunAsync();
