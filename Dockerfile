# A release names the base by its digest: .github/workflows/release.yaml.
ARG BASE=docker.io/library/python:3.13-slim-trixie

# Nothing is compiled for a processor, so one builder makes the image for each: packages are chosen by TARGETARCH.
FROM --platform=$BUILDPLATFORM ${BASE} AS builder
ARG TARGETARCH
WORKDIR /src
COPY requirements/uv.txt requirements/operator.txt requirements/
RUN --mount=type=cache,target=/root/.cache/pip \
    pip install --disable-pip-version-check --require-hashes -r requirements/uv.txt
RUN --mount=type=cache,target=/root/.cache/uv \
    case "$TARGETARCH" in amd64) cpu=x86_64 ;; arm64) cpu=aarch64 ;; *) echo "TARGETARCH=$TARGETARCH: only amd64 and arm64" >&2; exit 1 ;; esac && \
    uv venv /opt/crossfade && \
    uv pip sync --python /opt/crossfade --python-platform "$cpu-unknown-linux-gnu" --only-binary :all: \
    --require-hashes --link-mode copy requirements/operator.txt
COPY requirements/build.txt requirements/
COPY pyproject.toml README.md LICENSE ./
COPY operator operator
RUN --mount=type=cache,target=/root/.cache/uv \
    uv build --wheel --build-constraints requirements/build.txt --require-hashes --out-dir dist . && \
    uv pip install --python /opt/crossfade --no-deps --link-mode copy dist/*.whl
# Bytecode is compiled here because the root file system is read-only when it runs; its validity rests on no time stamp.
COPY image image
ARG SOURCE_DATE_EPOCH=0
RUN /opt/crossfade/bin/python image/leave_out.py image/left_out.txt && \
    /opt/crossfade/bin/python -m compileall -q --invalidation-mode unchecked-hash /opt/crossfade/lib && \
    /opt/crossfade/bin/python image/bill_of_materials.py > /opt/crossfade/sbom.cdx.json && \
    find /opt/crossfade -exec touch --no-dereference --date="@$SOURCE_DATE_EPOCH" {} +

FROM ${BASE}
ARG BASE
ARG VERSION=unreleased
ARG REVISION=unknown
LABEL org.opencontainers.image.title="crossfade" \
      org.opencontainers.image.description="Rolls new versions of machine-learning models into live traffic, and back" \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.source="https://github.com/crossfade-dev/crossfade" \
      org.opencontainers.image.documentation="https://github.com/crossfade-dev/crossfade/blob/main/README.md" \
      org.opencontainers.image.base.name="${BASE}" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}"
COPY --from=builder /opt/crossfade /opt/crossfade
ENV PATH=/opt/crossfade/bin:$PATH PYTHONDONTWRITEBYTECODE=1 PYTHONUNBUFFERED=1
USER 65532:65532
EXPOSE 8080
ENTRYPOINT ["crossfade"]
CMD ["run"]
