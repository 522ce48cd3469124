# The program alone on a small Debian: `docker build -t taskview-webhooks .`, then deploy/compose.yaml or
#   docker run -p 8080:8080 -v taskview:/data -e TASKVIEW_PUBLIC_URL=http://localhost:8080 taskview-webhooks
# It needs to write to /data and nowhere else: --read-only works, and so does any user that owns the volume.

FROM rust:1.95-bookworm AS build
WORKDIR /src
# Dependencies first: they change seldom, and their layer is kept. The benchmark stands in the manifest, so it has to be there.
COPY Cargo.toml Cargo.lock ./
RUN mkdir -p src benches/load tests/chaos \
    && echo 'fn main() {}' | tee src/main.rs benches/load/main.rs tests/chaos/main.rs >/dev/null && touch src/lib.rs \
    && cargo build --profile dist --locked --bin taskview-webhooks
COPY . .
# The times of the real files may lie before those of the stand-ins above.
RUN touch src/lib.rs src/main.rs && cargo build --profile dist --locked --bin taskview-webhooks

FROM debian:bookworm-slim
RUN useradd --system --uid 10001 --home-dir /data --shell /usr/sbin/nologin taskview \
    && install --directory --owner taskview --group taskview --mode 0700 /data
COPY --from=build /src/target/dist/taskview-webhooks /usr/local/bin/taskview-webhooks
USER taskview
VOLUME /data
EXPOSE 8080
# All addresses of the container, so that its port can be published; that ends laptop mode, and the first page wants the set-up code of
# the log. Nothing inside of the container's network is a target until TASKVIEW_ALLOW_TARGETS names it.
ENV TASKVIEW_LISTEN=0.0.0.0:8080 TASKVIEW_DATA_DIR=/data
HEALTHCHECK --interval=10s --timeout=5s --start-period=10s CMD ["taskview-webhooks", "health"]
# SIGTERM lets requests in flight finish, for ten seconds: give it more than Docker's ten (`docker stop -t 20`).
STOPSIGNAL SIGTERM
ENTRYPOINT ["taskview-webhooks"]
