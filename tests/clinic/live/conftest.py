"""A tablet's server with nothing else in it, a patient, and a worker that says what a test tells it to."""

from __future__ import annotations

import json
import struct
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import websocket
from flask import Flask, request
from flask_login import LoginManager
from sqlalchemy import select
from werkzeug.serving import make_server

from clinic import queue as clinic_queue
from clinic.accounts.tables import Account
from clinic.database import new_id, now, transaction
from clinic.events import get_stream
from clinic.live.tables import Utterance
from clinic.patients.tables import Consent, Patient
from clinic.vault import get_vault
from clinic.voices.tables import READY, Voice

AHEAD = ("live.ahead", "live.open_readings")
PCM_DOWN = bytes(range(256)) * 150  # 0.8 s at 24 kHz


@dataclass(frozen=True)
class Someone:
    """Who is signed in, as flask-login wants it."""

    id: str
    role: str
    is_authenticated: bool = True

    def get_id(self) -> str:
        return self.id


@dataclass
class Worker:
    """Stands for the `live` queue: records what was queued, and publishes what `script` says."""

    sent: list[tuple[str, str]] = field(default_factory=list)
    script: Callable[[str, Utterance], None] | None = None
    arrived: threading.Condition = field(default_factory=threading.Condition)

    def take(self, name: str, args: tuple[Any, ...], _queue: str) -> None:
        with self.arrived:
            self.sent.append((name, str(args[0])))
            self.arrived.notify_all()
        if self.script and name.startswith("live.") and name not in AHEAD:
            with transaction() as session:
                row = session.get_one(Utterance, str(args[0]))
            threading.Thread(target=self.script, args=(name, row), daemon=True).start()

    @property
    def waited_for(self) -> list[tuple[str, str]]:
        """What was queued because somebody waits for it: not the work that is done ahead."""
        return [(name, row_id) for name, row_id in self.sent if name not in AHEAD]

    def wait_for(self, name: str) -> str:
        """The id that the first task of that name came with."""
        with self.arrived:
            assert self.arrived.wait_for(lambda: any(n == name for n, _ in self.sent), 5), f"{name} was never queued"
            return next(row_id for n, row_id in self.sent if n == name)


def publish(row: Utterance, kind: str, blob: bytes = b"", **fields: Any) -> None:
    event = {"type": kind, "utterance": row.id, **fields}
    get_stream().publish(f"session:{row.session_id}", row.patient_id, event, blob)


def speaks(name: str, row: Utterance) -> None:
    """A worker that is sure."""
    publish(row, "working")
    publish(row, "words", text="I would like some water.", confidence=0.9)
    says(name, row)


def says(_name: str, row: Utterance) -> None:
    publish(row, "speech_start", rate_hz=24_000, voice="own")
    publish(row, "speech", PCM_DOWN)
    publish(row, "speech_end", duration_s=0.8, watermarked=True)


def asks(name: str, row: Utterance) -> None:
    """A worker that is not sure, and says what was chosen."""
    if name == "live.speak":
        return says(name, row)
    readings = [{"text": text, "confidence": 0.4} for text in ("I want water.", "I won't wander.")]
    with transaction() as session:
        row = session.merge(row)
        row.state = "unsure"
        get_vault().put(row, "transcript_sealed", {"text": readings[0]["text"], "readings": readings})
    publish(row, "unsure", readings=readings, why="I am not sure enough to say this for you.")


class Tablet:
    """A client of the protocol."""

    def __init__(self, url: str, account: str, origin: str | None = None) -> None:
        cookie = {"header": [f"X-Test-Account: {account}"]}
        self.ws = websocket.create_connection(url, timeout=8, origin=origin, **cookie)
        self.sound = b""

    def send(self, kind: str, **fields: Any) -> None:
        self.ws.send(json.dumps({"type": kind, **fields}))

    def hello(self, **fields: Any) -> dict[str, Any]:
        self.send("hello", version=1, **fields)
        return self.until("welcome")

    def say(self, pcm: bytes, first: int = 0, frame_bytes: int = 6400) -> int:
        """Send sound; the sequence number that follows."""
        for start in range(0, len(pcm), frame_bytes):
            self.ws.send_binary(struct.pack("<I", first) + pcm[start : start + frame_bytes])
            first += 1
        return first

    def receive(self) -> dict[str, Any]:
        """The next message; sound is gathered, a close is a message too."""
        while True:
            opcode, data = self.ws.recv_data()
            if opcode == websocket.ABNF.OPCODE_BINARY:
                self.sound += data[4:]
            elif opcode == websocket.ABNF.OPCODE_CLOSE:
                return {"type": "closed", "code": int.from_bytes(data[:2], "big")}
            else:
                return json.loads(data)

    def until(self, kind: str, **fields: Any) -> dict[str, Any]:
        """The next message of a kind; what comes before it is passed over."""
        seen = []
        while True:
            message = self.receive()
            seen.append(message)
            if message["type"] == kind and all(message.get(k) == v for k, v in fields.items()):
                return message
            assert message["type"] != "closed", seen

    def vanish(self) -> None:
        """Like a tablet whose battery is empty: no close frame."""
        self.ws.sock.close()


@dataclass
class Place:
    """The running server and who is in it."""

    url: str
    host: str
    patient_id: str
    account: str
    clinician: str
    worker: Worker
    tablets: list[Tablet] = field(default_factory=list)

    def tablet(self, account: str | None = None, origin: str | None = None) -> Tablet:
        tablet = Tablet(self.url, account or self.account, origin or f"http://{self.host}")
        self.tablets.append(tablet)
        return tablet

    def utterances(self) -> list[Utterance]:
        with transaction() as session:
            return list(session.scalars(select(Utterance).order_by(Utterance.created_at)).all())


def make_patient() -> tuple[str, str, str]:
    """(patient, the tablet's account, a clinician's account), with consent and a voice."""
    with transaction() as session:
        patient = Patient(id=new_id(), pause_s=0.6)
        get_vault().create_key(patient.id)
        get_vault().put(patient, "name_sealed", "Nobody In Particular")
        clinician = Account(id=new_id(), username="clinician", role="clinician", password_hash="-")
        session.add_all([patient, clinician])
        session.flush()
        tablet = Account(id=new_id(), username="tab", role="tablet", password_hash="-", patient_id=patient.id)
        consent = Consent(patient_id=patient.id, scope="speak_for_me", given_at=now(), recorded_by=clinician.id)
        voice = Voice(patient_id=patient.id, version=1, state=READY, recording_ids=[])
        session.add_all([tablet, consent, voice])
        return patient.id, tablet.id, clinician.id


@pytest.fixture
def place(home: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Place]:
    """A server on this machine's loopback address."""
    from clinic.live import socket as live_socket

    patient_id, account, clinician = make_patient()
    worker = Worker()
    monkeypatch.setattr(clinic_queue, "_publish", worker.take)
    app = Flask("tablet-test")
    app.secret_key = "test"
    login = LoginManager(app)
    roles = {account: "tablet", clinician: "clinician"}

    @login.request_loader
    def _load(_request: Any) -> Someone | None:
        found = request.headers.get("X-Test-Account", "")
        return Someone(found, roles[found]) if found in roles else None

    live_socket.register(app)
    server = make_server("127.0.0.1", 0, app, threaded=True)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    host = f"127.0.0.1:{server.server_port}"
    place = Place(f"ws://{host}/live/socket", host, patient_id, account, clinician, worker)
    yield place
    for tablet in place.tablets:
        tablet.ws.close(timeout=1)
    server.shutdown()
