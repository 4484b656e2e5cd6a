# The Student. Build from the repository's root: docker build -f deploy/student.Dockerfile -t distill-student .
# Not built in this repository's CI, which has no container engine.
FROM mcr.microsoft.com/dotnet/sdk:10.0 AS build
WORKDIR /source
COPY . .
RUN dotnet publish src/DistillGrpc.Student -c Release -o /app

FROM mcr.microsoft.com/dotnet/aspnet:10.0
WORKDIR /app
COPY --from=build /app .
# glibc would give every thread a pool of its own; a Student limits that itself, but not where the garbage collector's threads are there first.
ENV MALLOC_ARENA_MAX=2
ENV DISTILL_Listen=http://0.0.0.0:5102 DISTILL_StateDirectory=/state
RUN mkdir /state && chown $APP_UID /state
VOLUME /state
EXPOSE 5102
USER $APP_UID
ENTRYPOINT ["dotnet", "DistillGrpc.Student.dll"]
