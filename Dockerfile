# The service alone: no compiler, no embedded servers, no test tools, not root.
FROM python:3.13-slim AS build
WORKDIR /src
COPY requirements.lock pyproject.toml ./
# uv comes by the lock's hashes, and checks every wheel below against them.
RUN awk '/^uv==/ { p = 1 } p { print } p && !/\\$/ { exit }' requirements.lock > /tmp/uv.lock \
 && pip install --no-cache-dir --require-hashes -r /tmp/uv.lock
RUN uv venv /opt/aiops \
 && uv pip install --no-cache --python /opt/aiops -c requirements.lock -r pyproject.toml
COPY README.md LICENSE ./
COPY schemas schemas
COPY streams streams
COPY graphql_api graphql_api
COPY aiops aiops
RUN uv venv /opt/build \
 && uv pip install --no-cache --python /opt/build -c requirements.lock hatchling \
 && uv build --wheel --no-build-isolation --python /opt/build --out-dir /dist \
 && uv pip install --no-cache --python /opt/aiops --no-deps /dist/*.whl

FROM python:3.13-slim
RUN useradd --system --uid 10001 --create-home aiops
COPY --from=build /opt/aiops /opt/aiops
ENV PATH=/opt/aiops/bin:$PATH PYTHONUNBUFFERED=1 AIOPS_API_HOST=0.0.0.0 AIOPS_API_PORT=8080
USER aiops
WORKDIR /home/aiops
EXPOSE 8080
HEALTHCHECK --interval=10s --timeout=3s --start-period=20s \
  CMD ["python", "-c", "import urllib.request as r; r.urlopen('http://127.0.0.1:8080/healthz', timeout=2)"]
ENTRYPOINT ["aiops"]
CMD ["api"]
