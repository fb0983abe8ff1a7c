# One image for migrate, web, worker and relay; compose.yaml says which command each runs.
# checkov:skip=CKV_DOCKER_2:each command has its own health check, in compose.yaml

# The image of init. It does not change with each release, otherwise Compose would also replace the database.
FROM python:3.13-slim-trixie AS init
COPY deploy/init.py /
WORKDIR /secrets
# Root, to give each file its owner. compose.yaml leaves it two capabilities and no network.
# hadolint ignore=DL3002
USER 0:0
CMD ["python", "/init.py"]

FROM python:3.13-slim-trixie AS packages
# `otel` has what traces need.
ARG REQUIREMENTS=production
# Wheels only, so that no compiler is needed. Each has a pinned version and hash.
COPY requirements/${REQUIREMENTS}.txt /tmp/requirements.txt
RUN python -m venv --without-pip /venv \
    && pip --python /venv/bin/python install --no-cache-dir --disable-pip-version-check --no-compile \
        --require-hashes --only-binary :all: -r /tmp/requirements.txt \
    && rm -rf /venv/lib/python3.13/site-packages/*/tests \
    # Compiled here, because the containers cannot write. The files never change, so Python need not compare dates.
    && python -m compileall -q -j 0 --invalidation-mode unchecked-hash /venv

FROM packages AS sbom
COPY requirements/sbom.txt /tmp/sbom.txt
RUN pip install --no-cache-dir --disable-pip-version-check --require-hashes --only-binary :all: -r /tmp/sbom.txt \
    && cyclonedx-py environment /venv --output-reproducible --output-file /sbom.json

FROM packages AS build
WORKDIR /app
COPY . .
RUN python -m compileall -q -j 0 --invalidation-mode unchecked-hash . \
    && rm -r requirements deploy/init.py \
    && install -d -o 10001 -g 10001 static

FROM python:3.13-slim-trixie
LABEL org.opencontainers.image.title="flaskcelery" \
      org.opencontainers.image.description="Sign-up, login and a welcome email that is never lost" \
      org.opencontainers.image.licenses="MIT"
ENV PATH=/venv/bin:$PATH \
    PYTHONPATH=/app/src \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1
RUN groupadd --gid 10001 app \
    && useradd --uid 10001 --gid app --no-create-home --home-dir /tmp --shell /usr/sbin/nologin app \
    # `flask check --deploy` looks at the age of the base image.
    && touch -r /var/lib/dpkg/status /base-image \
    # The base image lacks the compiled standard library, so that each health check would compile its part of it.
    && python -m compileall -q -j 0 --invalidation-mode unchecked-hash -x 'site-packages|idlelib|tkinter' \
        /usr/local/lib/python3.13
WORKDIR /app
COPY --from=build /venv /venv
COPY --from=build /app /app
COPY --from=sbom /sbom.json /
USER 10001:10001
CMD ["uwsgi", "--ini", "deploy/uwsgi.ini"]
