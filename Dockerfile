# claude-proxy in an image: docs/deployment.md "Containers".
#
# Both stages need the same Debian-like base with a python3 (3.11 or newer) that has venv; nothing
# else of it is used. Pin it by digest for builds that must be repeatable:
#   docker build --build-arg PYTHON_IMAGE=python:3.13-slim-bookworm@sha256:... .
ARG PYTHON_IMAGE=python:3.13-slim-bookworm

FROM ${PYTHON_IMAGE} AS build

WORKDIR /src
# pip stays outside the environment that is shipped. Nothing is compiled: wheels only.
RUN python3 -m venv /tools && python3 -m venv --without-pip /opt/claude-proxy
COPY deploy/requirements.lock deploy/requirements.lock
# Secrets for a private index (a pip.conf) or a company's certificates; both may be absent, and
# neither stays in the image.
RUN --mount=type=secret,id=pip_conf,target=/run/secrets/pip.conf,required=false \
    --mount=type=secret,id=ca_bundle,target=/run/secrets/ca.crt,required=false \
    if [ -s /run/secrets/pip.conf ]; then export PIP_CONFIG_FILE=/run/secrets/pip.conf; fi; \
    if [ -s /run/secrets/ca.crt ]; then export PIP_CERT=/run/secrets/ca.crt; fi; \
    /tools/bin/pip --python /opt/claude-proxy/bin/python install --no-cache-dir \
      --disable-pip-version-check --only-binary :all: --require-hashes \
      --requirement deploy/requirements.lock
COPY LICENSE README.md pyproject.toml setup.cfg claude_messages_proxy.py wsgi.py ./
COPY deploy/.env.example deploy/gunicorn.conf.py deploy/build_commit.py deploy/
COPY config config
COPY proxy proxy
# For `claude-proxy --version`: --build-arg COMMIT=$(git rev-parse HEAD)
ARG COMMIT=
# setuptools came with the lock file for this one step.
RUN if [ -n "$COMMIT" ]; then echo "$COMMIT" >proxy/COMMIT; fi && \
    /tools/bin/pip --python /opt/claude-proxy/bin/python install --no-cache-dir \
      --disable-pip-version-check --no-index --no-deps --no-build-isolation . && \
    /tools/bin/pip --python /opt/claude-proxy/bin/python uninstall --yes setuptools && \
    /tools/bin/pip --python /opt/claude-proxy/bin/python check

FROM ${PYTHON_IMAGE}

LABEL org.opencontainers.image.title="claude-proxy" \
      org.opencontainers.image.description="Anthropic Messages API in front of any OpenAI-compatible upstream" \
      org.opencontainers.image.licenses="MIT"

# Numbers, so that Kubernetes can tell that it is not root, and a volume's owner can be matched.
RUN groupadd --gid 10001 claude-proxy && \
    useradd --uid 10001 --gid 10001 --no-create-home --home-dir /nonexistent \
      --shell /usr/sbin/nologin claude-proxy && \
    install --directory /etc/claude-proxy
COPY --from=build /opt/claude-proxy /opt/claude-proxy

# The root may be read-only: PYTHONDONTWRITEBYTECODE spares the attempts.
ENV PATH=/opt/claude-proxy/bin:$PATH \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1
# Where a .env or a registry file may be mounted; a .env is read from the working directory.
WORKDIR /etc/claude-proxy
USER 10001:10001
EXPOSE 8085
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=30s --timeout=5s --start-period=30s --retries=3 \
    CMD ["claude-proxy", "healthcheck"]
# No shell in between: gunicorn's master is process 1 and gets the signals.
ENTRYPOINT ["claude-proxy"]
