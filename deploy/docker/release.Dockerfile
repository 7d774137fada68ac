# The image of a release, from the binaries that goreleaser built; deploy/docker/Dockerfile builds one from the source, with the embedded engine if
# you like.
FROM debian:bookworm-slim
ARG TARGETPLATFORM
RUN apt-get update && apt-get install -y --no-install-recommends ca-certificates curl && rm -rf /var/lib/apt/lists/* \
    && groupadd --system --gid 10001 tributary && useradd --system --uid 10001 --gid tributary --home-dir /var/lib/tributary --create-home tributary \
    && chmod 700 /var/lib/tributary
COPY $TARGETPLATFORM/tributary /usr/local/bin/tributary
COPY LICENSE /usr/share/doc/tributary/LICENSE
USER 10001:10001
WORKDIR /var/lib/tributary
VOLUME /var/lib/tributary
ENV TRIBUTARY_DATA_DIR=/var/lib/tributary TRIBUTARY_OPS_LISTEN=:8081 TRIBUTARY_LOG_FORMAT=json
EXPOSE 8080 8081 8082
STOPSIGNAL SIGTERM
ENTRYPOINT ["tributary"]
CMD ["--help"]
