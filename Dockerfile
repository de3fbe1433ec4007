# Two stages: build and run. The server runs as an unprivileged user, on a file system that may be read-only.
FROM python:3.13-slim AS build
WORKDIR /src
RUN python -m venv /opt/competent && pip install --no-cache-dir uv
COPY requirements/extras.txt requirements/
RUN uv pip install --python /opt/competent/bin/python --compile-bytecode --require-hashes -r requirements/extras.txt
COPY pyproject.toml README.md LICENSE ./
COPY docs docs
COPY graphql_api graphql_api
RUN uv pip install --python /opt/competent/bin/python --compile-bytecode --no-deps .

FROM python:3.13-slim
COPY --from=build /opt/competent /opt/competent
ENV PATH=/opt/competent/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1 \
    COMPETENT_HOST=0.0.0.0 \
    COMPETENT_CACHE_DIR=/var/cache/competent \
    COMPETENT_KEYS_FILE=/var/lib/competent/keys.json
RUN useradd --system --uid 10001 --no-create-home competent \
    && install -d -o competent -m 0700 /var/cache/competent /var/lib/competent
USER 10001
VOLUME ["/var/cache/competent", "/var/lib/competent"]
EXPOSE 8000
HEALTHCHECK --interval=15s --timeout=5s --start-period=10s CMD ["competent-graphql", "health"]
CMD ["competent-graphql", "serve"]
