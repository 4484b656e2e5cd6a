using DistillGrpc.Hosting;
using DistillGrpc.Student;

NativeHeap.Share();
return await ServiceProgram.RunAsync(() => StudentHost.Create(args));
