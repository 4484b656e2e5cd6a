# The Teacher. Build from the repository's root: docker build -f deploy/teacher.Dockerfile -t distill-teacher .
# Not built in this repository's CI, which has no container engine.
FROM mcr.microsoft.com/dotnet/sdk:10.0 AS build
WORKDIR /source
COPY . .
RUN dotnet publish src/DistillGrpc.Teacher -c Release -o /app

FROM mcr.microsoft.com/dotnet/aspnet:10.0
WORKDIR /app
COPY --from=build /app .
ENV DISTILL_Listen=http://0.0.0.0:5101 DISTILL_StateDirectory=/state
RUN mkdir /state && chown $APP_UID /state
VOLUME /state
EXPOSE 5101
USER $APP_UID
ENTRYPOINT ["dotnet", "DistillGrpc.Teacher.dll"]
