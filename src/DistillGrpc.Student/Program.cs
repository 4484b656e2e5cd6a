using DistillGrpc.Hosting;
using DistillGrpc.Student;

return await ServiceProgram.RunAsync(() => StudentHost.Create(args));
