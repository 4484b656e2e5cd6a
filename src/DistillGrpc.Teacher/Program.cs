using DistillGrpc.Hosting;
using DistillGrpc.Teacher;

return await ServiceProgram.RunAsync(() => TeacherHost.Create(args));
