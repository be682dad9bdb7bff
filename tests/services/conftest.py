"""The whole service, running: separate processes on PostgreSQL and Redis where they are given, else one process."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from bench import measure, steps, two_cities
from clinic.accounts.service import create_account
from clinic.database import transaction
from clinic.voices.tables import Recording, Voice
from tests.homes import DATABASE_URL, REDIS_URL, fresh_home
from workers.contracts import Audio
from workers.tasks.sound import wav_bytes


@dataclass
class Service:
    """A running service, with where it keeps what it wrote."""

    origin: str
    home: Path
    logs: Path


@pytest.fixture(scope="package")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """Web and workers over a fresh home; the fit's search is cut short, since these tests are about the way there."""
    folder = tmp_path_factory.mktemp("service")
    settings = {"SAMEVOICE_FIT_BUDGET_S": "8"}
    if REDIS_URL:
        base = REDIS_URL.rsplit("/", 1)[0]
        settings["SAMEVOICE_BROKER_URL"] = f"{base}/6"
        _flush(f"{base}/6")
        _flush(REDIS_URL)
    with fresh_home(folder, **settings) as home, ExitStack() as stack:
        logs = folder / "logs"
        logs.mkdir()
        start = _processes if DATABASE_URL and REDIS_URL else _one_process
        yield Service(stack.enter_context(start(logs)), home, logs)


def _flush(url: str) -> None:
    import redis

    redis.Redis.from_url(url).flushdb()


@contextmanager
def _one_process(logs: Path) -> Iterator[str]:
    import logging

    from werkzeug.serving import make_server

    from clinic.app import create_app
    from samevoice import onebox

    handler = logging.FileHandler(logs / "service.log")
    logging.getLogger().addHandler(handler)
    logging.getLogger().setLevel(logging.INFO)
    server = make_server("127.0.0.1", 0, create_app(), threaded=True)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    with onebox.workers():
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            logging.getLogger().removeHandler(handler)
            logging.getLogger().setLevel(logging.WARNING)


@contextmanager
def _processes(logs: Path) -> Iterator[str]:
    """What compose.yaml runs, by hand: gunicorn, a worker for the waiting person, a worker for everything else."""
    port = 18_600 + os.getpid() % 1000
    binaries = Path(sys.executable).parent
    commands = {
        "web": [
            str(binaries / "gunicorn"), "--worker-class", "gthread", "--threads", "16",
            "--bind", f"127.0.0.1:{port}", "clinic.app:create_app()",
        ],
        "live": [*_worker(binaries, 2), "--queues", "live,ahead", "--hostname", "live@test"],
        "background": [*_worker(binaries, 1), "--queues", "notes,upkeep,build", "--hostname", "background@test"],
    }  # fmt: skip
    with ExitStack() as stack:
        for name, command in commands.items():
            log = stack.enter_context((logs / f"{name}.log").open("wb"))
            process = subprocess.Popen(command, stdout=log, stderr=subprocess.STDOUT, env=dict(os.environ))
            stack.callback(_end, process)
        _wait_for(f"http://127.0.0.1:{port}/health", logs)
        yield f"http://127.0.0.1:{port}"


def _worker(binaries: Path, threads: int) -> list[str]:
    celery = [str(binaries / "celery"), "--app", "workers.app", "worker"]
    return [*celery, "--pool", "threads", "--concurrency", str(threads)]


def _end(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    try:
        process.wait(timeout=20)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait(timeout=10)


def _wait_for(url: str, logs: Path, timeout_s: float = 60.0) -> None:
    deadline = time.monotonic() + timeout_s
    while time.monotonic() < deadline:
        try:
            with urllib.request.urlopen(url, timeout=2) as answer:  # noqa: S310 - our own address
                if answer.status == 200:
                    return
        except OSError:
            time.sleep(0.3)
    raise AssertionError("the web process did not come up:\n" + (logs / "web.log").read_text()[-3000:])


NAME = "Wilhelmina Canary-Featherstonehaugh"
FILENAME = "canary-grandfathers-birthday.wav"


@dataclass
class Journey:
    """What one patient's way through the service left behind."""

    patient_id: str
    recording: Recording
    voice: Voice
    session_id: str
    clear: steps.Said
    unsure: steps.Said
    silent: steps.Said
    note: list[dict[str, object]]


def _unsure_audio() -> Audio:
    """Real speech under so much noise that nobody should be sure of it."""
    clip = two_cities.held_out()[0].audio
    noise = np.random.default_rng(7).standard_normal(len(clip.samples)).astype(np.float32)
    level = float(np.sqrt(np.mean(clip.samples**2)))
    return measure.resample(Audio(clip.samples + noise * level * 1.2, clip.rate_hz), 16_000)


@pytest.fixture(scope="package")
def journey(service: Service) -> Journey:
    """Enrol the reading, build a voice (a short search), speak three times, draft the note."""
    with transaction() as session:
        clinician = create_account(session, "spine-clinician", "a long enough pass phrase", "clinician").id
    patient_id = steps.enrol_patient(NAME, clinician)
    recording = steps.wait_checked(steps.upload(patient_id, wav_bytes(two_cities.historic()), FILENAME))
    voice = steps.wait_built(steps.build(patient_id, [recording.id]), timeout_s=300)
    session_id = steps.open_session(patient_id)
    clear = steps.speak(patient_id, session_id, 1, measure.resample(two_cities.held_out()[3].audio, 16_000))
    unsure = steps.speak(patient_id, session_id, 2, _unsure_audio())
    silent = steps.speak(patient_id, session_id, 3, Audio(np.zeros(32_000, np.float32), 16_000))
    return Journey(patient_id, recording, voice, session_id, clear, unsure, silent, steps.draft(session_id, patient_id))
