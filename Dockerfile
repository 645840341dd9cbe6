# The image of the collector and the dashboard, for a ClickHouse server given by
# DSN. The binary is built without a C compiler but links glibc when it runs, so
# the base must have it. The embedded engine's library is not in the image: mount
# libchdb.so and set KELISIM_CHDB_LIB to run without a server.

FROM golang:1.26-trixie AS build
WORKDIR /src
COPY go.mod go.sum ./
RUN go mod download
COPY . .
RUN CGO_ENABLED=0 go build -trimpath -o bin/kelisim ./cmd/kelisim
RUN mkdir /empty

FROM debian:trixie-slim
COPY --from=build /src/bin/kelisim /usr/local/bin/kelisim
COPY --from=build --chown=10001:10001 /empty /data
COPY --from=build /src/policies /policies
USER 10001:10001
ENV KELISIM_DATA_DIR=/data KELISIM_POLICIES=/policies
VOLUME /data
EXPOSE 8080 8081
ENTRYPOINT ["/usr/local/bin/kelisim"]
CMD ["serve"]
