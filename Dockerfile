# Two images from one file: `web` (no model library in it) and `worker`. Weights are not in them: they are mounted.
FROM python:3.11-slim-bookworm AS base
ENV PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1 \
    PIP_NO_CACHE_DIR=1 \
    PIP_DISABLE_PIP_VERSION_CHECK=1 \
    PYTHONPATH=/app \
    SAMEVOICE_HOME=/data
RUN useradd --uid 10001 --no-create-home --shell /usr/sbin/nologin samevoice \
 && install -d -o samevoice -g samevoice -m 0700 /data
WORKDIR /app
VOLUME /data

FROM base AS web
COPY requirements/web.txt requirements/
RUN pip install --require-hashes --only-binary :all: -r requirements/web.txt
COPY clinic clinic
COPY migrations migrations
COPY samevoice samevoice
USER 10001:10001
EXPOSE 8600
# One process, many threads: a tablet holds its socket for a whole session. More replicas, not more processes.
CMD ["gunicorn", "--bind", "0.0.0.0:8600", "--worker-class", "gthread", "--workers", "1", "--threads", "128", \
     "--worker-tmp-dir", "/tmp", "--no-control-socket", "--graceful-timeout", "30", "--access-logfile", "/dev/null", \
     "clinic.app:create_app()"]

FROM base AS worker
# Telemetry and model hubs are off for good; a fork must not inherit threads or a CUDA context, so pools are threads.
ENV HF_HUB_OFFLINE=1 \
    TRANSFORMERS_OFFLINE=1 \
    PYANNOTE_METRICS_ENABLED=0 \
    TOKENIZERS_PARALLELISM=false \
    OMP_NUM_THREADS=2 \
    NUMBA_CACHE_DIR=/tmp/numba \
    XDG_CACHE_HOME=/tmp/cache \
    SAMEVOICE_MODELS_DIR=/models
COPY requirements/all.txt requirements/
RUN pip install --require-hashes -r requirements/all.txt
COPY clinic clinic
COPY migrations migrations
COPY samevoice samevoice
COPY workers workers
USER 10001:10001
CMD ["celery", "-A", "workers.app", "worker", "-P", "threads", "-c", "1", "-Q", "live", "-n", "live@%h", "-l", "WARNING"]
