# syntax=docker/dockerfile:1
FROM python:3.13-slim-trixie AS builder
WORKDIR /src
COPY requirements/uv.txt requirements/operator.txt requirements/
RUN --mount=type=cache,target=/root/.cache/pip \
    pip install --disable-pip-version-check --require-hashes -r requirements/uv.txt
# Bytecode is compiled here because the root file system is read-only when it runs.
RUN --mount=type=cache,target=/root/.cache/uv \
    uv venv /opt/crossfade && \
    uv pip sync --python /opt/crossfade --require-hashes --link-mode copy --compile-bytecode requirements/operator.txt
COPY requirements/build.txt requirements/
COPY pyproject.toml README.md LICENSE ./
COPY operator operator
RUN --mount=type=cache,target=/root/.cache/uv \
    uv build --wheel --build-constraints requirements/build.txt --require-hashes --out-dir dist . && \
    uv pip install --python /opt/crossfade --no-deps --link-mode copy --compile-bytecode dist/*.whl

FROM python:3.13-slim-trixie
LABEL org.opencontainers.image.title="crossfade" org.opencontainers.image.licenses="Apache-2.0"
COPY --from=builder /opt/crossfade /opt/crossfade
ENV PATH=/opt/crossfade/bin:$PATH PYTHONDONTWRITEBYTECODE=1 PYTHONUNBUFFERED=1
USER 65532:65532
EXPOSE 8080
ENTRYPOINT ["crossfade"]
CMD ["run"]
