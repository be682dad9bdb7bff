"""`samevoice bench live`: how long a patient waits from their last word to the first sound of their own voice.

The service in one process, a tablet on a real WebSocket, and speech that is sent as it is spoken, 40 ms at a time. The
voice is a public one: likeness is not judged here.

'press': recordings of 1 to 12 s as they are, and the patient presses to finish `PRESS_S` after their last sound. Beside
each, on the same weights and threads, the stock cascade: WhisperX's own pipeline on the finished utterance, then the
whole text through the engine. 'quick' and 'halting' (**simulated**, as in `bench.turns`): a pause ends the turn, held
at what would have been learned; each with work ahead and without, in turns, so that what else the machine does meets
both.
"""

from __future__ import annotations

import json
import os
import secrets
import statistics
import struct
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import click
import numpy as np
from flask import Flask
from flask_login import LoginManager, UserMixin
from simple_websocket import Client, ConnectionClosed
from werkzeug.serving import make_server

from bench import turns
from clinic.live.messages import RATE_UP_HZ
from samevoice.cli import quiet_libraries
from workers.contracts import SpokenError

FRAME_S = 0.04
_FRAME_BYTES = int(FRAME_S * RATE_UP_HZ) * 2
_LONGEST_S = 90.0
_ORIGIN = "http://bench.invalid"
VOICE = "af_heart"
#: Of a voice that nobody fitted; see bench.streaming.
_MEASURES = {"pace": 1.0, "f0_ratio": 1.0, "f0_movement": 1.0, "gain_db": 6.0, "f0_median_hz": 190.0}


@dataclass(frozen=True)
class Way:
    """How the utterances are said. pause_s: what ends a turn, as it would have been learned."""

    name: str
    patient: turns.Patient
    pause_s: float


QUICK = turns.Patient("quick, clear", "clean", 1.0, 0.0, 0.0)
#: The pauses are those that `bench turns` learns for such a patient.
WAYS = (Way("quick", QUICK, 0.9), Way("halting", turns.Patient("halting, clear", "clean", 0.7, 0.8, 2.0), 2.3))
#: From the last sound to a finger on the button.
PRESS_S = 0.3
LENGTHS_S = (1.0, 12.0)


@dataclass
class Trace:
    """When what happened to one utterance, in seconds from the end of its last sound."""

    at_s: dict[str, float] = field(default_factory=dict)
    #: The last sound was sent at this moment of the clock.
    spoken_at: float = 0.0

    def note(self, what: str) -> None:
        """The first time counts."""
        self.at_s.setdefault(what, time.monotonic() - self.spoken_at)


#: From one moment to the next: who has the utterance meanwhile.
HOPS = (
    ("wait for the end of the turn", "last sound", "turn ended"),
    ("database, queue, start of the task", "turn ended", "task begun"),
    ("recognition", "task begun", "understood"),
    ("first piece: phones, plan, sound, mark", "understood", "first piece"),
    ("stream and socket", "first piece", "first sound"),
)


@click.command()
@click.option(
    "--recordings", type=click.Path(path_type=Path, exists=True, file_okay=False), multiple=True,
    help="WAVs of one speaker and transcripts.tsv; may be repeated. [the human reading]",
)  # fmt: skip
@click.option("--most", default=60, show_default=True, help="Utterances that end with a press.")
@click.option("--most-free", default=10, show_default=True, help="Utterances of each kind that end with a pause.")
@click.option("--building", is_flag=True, help="While another patient's voice is being built.")
@click.option("--seed", default=1, show_default=True)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object on standard output.")
def live(recordings: Sequence[Path], most: int, most_free: int, building: bool, seed: int, as_json: bool) -> None:
    """How long a patient waits from their last word to the first sound of their own voice."""
    quiet_libraries()
    try:
        (pressed,) = turns.said(recordings, [QUICK], most, seed, LENGTHS_S)
        found = run(pressed, turns.said(recordings, [way.patient for way in WAYS], most_free, seed), building)
    except SpokenError as error:
        raise click.ClickException(error.message) from error
    click.echo(json.dumps(found, indent=2) if as_json else _table(found))


def run(
    pressed: Sequence[turns.Said], paused: Sequence[Sequence[turns.Said]], building: bool = False
) -> dict[str, Any]:
    """Everything. `pressed`: utterances that end with a press; `paused`: those of each of `WAYS`."""
    found: dict[str, Any] = {"load": [os.getloadavg()[0]], "building": building}
    with _service() as bedside:
        bedside.say(pressed[0], None)  # once unmeasured: everything is opened
        _stock(pressed[0])
        voice_id = _build() if building else None
        found.update(_pressed(bedside, pressed))
        for way, utterances in zip(WAYS, paused, strict=True):
            found[way.name] = _paused(bedside, way, utterances)
        if voice_id is not None:
            found["built_meanwhile"] = _leave(voice_id)
    found["load"].append(os.getloadavg()[0])
    return found


def _pressed(bedside: Bedside, utterances: Sequence[turns.Said]) -> dict[str, Any]:
    """Ours beside the stock cascade, of the utterances that were spoken."""
    traces: list[Trace] = []
    stock: list[float] = []
    lengths: list[float] = []
    for number, one in enumerate(utterances):
        trace = bedside.say(one, None)
        if "first sound" in trace.at_s:
            traces.append(trace)
            stock.append(PRESS_S + _stock(one))
            lengths.append(one.end_s)
        click.echo(f"press: {number + 1} of {len(utterances)}", err=True)
    if not traces:
        raise SpokenError("none_spoken", "No utterance was understood surely enough to be spoken. Give clearer ones.")
    ours = [trace.at_s["first sound"] for trace in traces]
    short = [at for at, length in zip(ours, lengths, strict=True) if length - turns.BEFORE_S <= 3.5]
    found: dict[str, Any] = {"press_s": PRESS_S, "utterances": len(utterances), "spoken": len(ours)}
    for share, name in ((0.5, "p50"), (0.95, "p95")):
        found[f"ours_{name}_s"] = round(float(np.quantile(ours, share)), 3)
        found[f"stock_{name}_s"] = round(float(np.quantile(stock, share)), 3)
        found[f"ratio_{name}"] = round(found[f"ours_{name}_s"] / found[f"stock_{name}_s"], 3)
    found["ours_p95_of_up_to_3.5_s"] = round(float(np.quantile(short, 0.95)), 3) if short else None
    found["stages"] = _summary(traces)["hops_s"]
    return found


def _paused(bedside: Bedside, way: Way, utterances: Sequence[turns.Said]) -> dict[str, Any]:
    """With work ahead and without."""
    traces: dict[bool, list[Trace]] = {True: [], False: []}
    counted = _Counted()
    for number, one in enumerate(utterances):
        for ahead in (True, False) if number % 2 else (False, True):
            with counted.counting(ahead):
                traces[ahead].append(bedside.say(one, way.pause_s, ahead=ahead))
        click.echo(f"{way.name}: {number + 1} of {len(utterances)}", err=True)
    return {
        "pause_s": way.pause_s,
        "ahead": _summary(traces[True]),
        "without": _summary(traces[False]),
        "begun_ahead_per_utterance": counted.begun / len(utterances),
        "gain_s": _gain(traces),
    }


def _stock(one: turns.Said) -> float:
    """How long the usual cascade takes: all of the words, then all of the sound."""
    from bench.streaming import public_voice
    from workers.tasks import rooms

    samples = np.frombuffer(one.pcm, "<i2")[: int((one.end_s + PRESS_S) * RATE_UP_HZ)].astype(np.float32) / 32768
    engine: Any = rooms.engine("kokoro")
    voice = public_voice(engine, VOICE)
    began = time.monotonic()
    heard = rooms.recogniser()._pipeline.transcribe(samples, batch_size=1, language="en")
    text = " ".join(segment["text"].strip() for segment in heard["segments"]).strip()
    if text:
        list(engine.say(text, voice))
    return time.monotonic() - began


def _gain(traces: dict[bool, list[Trace]]) -> float | None:
    """How much sooner it sounds, of utterances that sounded both ways: the median."""
    pairs = [(a.at_s["first sound"], b.at_s["first sound"]) for a, b in zip(traces[True], traces[False], strict=True)
             if "first sound" in a.at_s and "first sound" in b.at_s]  # fmt: skip
    return statistics.median(without - ahead for ahead, without in pairs) if pairs else None


def _summary(traces: Sequence[Trace]) -> dict[str, Any]:
    spoken = [trace.at_s for trace in traces if "first sound" in trace.at_s]
    if not spoken:
        return {"spoken": 0, "of": len(traces)}

    def median(since: str, until: str) -> float:
        return round(statistics.median(at[until] - at.get(since, 0.0) for at in spoken), 3)

    return {
        "spoken": len(spoken),
        "of": len(traces),
        "last_word_to_first_sound_s": median("last sound", "first sound"),
        "last_word_to_first_sound_p95_s": round(
            float(np.quantile([at["first sound"] for at in spoken], 0.95)), 3
        ),
        "turn_ended_to_first_sound_s": median("turn ended", "first sound"),
        "hops_s": {name: median(since, until) for name, since, until in HOPS},
    }  # fmt: skip


class _Counted:
    """How many times something was understood ahead."""

    def __init__(self) -> None:
        self.begun = 0

    @contextmanager
    def counting(self, ahead: bool) -> Iterator[None]:
        from workers.tasks import heard

        before = heard.hear_ahead

        def counted(row: Any) -> Any:
            self.begun += ahead
            return before(row)

        heard.hear_ahead = counted
        try:
            yield
        finally:
            heard.hear_ahead = before


class Bedside:
    """A tablet, its patient, and the clock of whoever waits."""

    def __init__(self, ws: Client, patient_id: str) -> None:
        self._ws, self._patient_id = ws, patient_id
        self._trace = Trace()
        self._turn_over, self._done = threading.Event(), threading.Event()
        self._number = 0
        threading.Thread(target=self._listen, daemon=True).start()
        self._send(type="hello", version=1)

    def say(self, one: turns.Said, pause_s: float | None, *, ahead: bool = True) -> Trace:
        """One utterance, as fast as it is spoken; over when it was said again, or nothing is to come.

        `pause_s`: what ends the turn; None: the patient presses, `PRESS_S` after the last sound.
        """
        from clinic.database import now, transaction
        from clinic.patients.tables import PAUSE_S, Patient
        from clinic.settings import get_settings

        get_settings().work_ahead = ahead
        with transaction() as session:
            patient = session.get_one(Patient, self._patient_id)
            # What is learned of the pauses here is forgotten each time.
            patient.pause_s, patient.pause_set_at = pause_s or PAUSE_S, now()
        self._trace = Trace()
        self._turn_over.clear()
        self._done.clear()
        self._number += 1
        self._send(type="start", turn=f"turn-{self._number:06}", mode="hold" if pause_s is None else "tap")
        until = len(one.pcm) if pause_s is not None else int((one.end_s + PRESS_S) / FRAME_S) * _FRAME_BYTES
        began = time.monotonic()
        self._trace.spoken_at = began + one.end_s
        for place, start in enumerate(range(0, until, _FRAME_BYTES)):
            due_s = began + (place + 1) * FRAME_S - time.monotonic()
            if self._turn_over.wait(max(0.0, due_s)):
                break
            self._ws.send(struct.pack("<I", place) + one.pcm[start : start + _FRAME_BYTES])
        else:
            self._send(type="finish")
        if not self._done.wait(_LONGEST_S):
            raise SpokenError("no_answer", "Nothing came back for an utterance. The log of the service says why.")
        return self._trace

    def tell(self, kind: str) -> None:
        """What the worker published."""
        names = {"working": "task begun", "words": "understood", "unsure": "understood", "speech_start": "first piece"}
        if kind in names:
            self._trace.note(names[kind])

    def _listen(self) -> None:
        while True:
            try:
                received = self._ws.receive()
            except ConnectionClosed:
                return
            if isinstance(received, bytes):
                self._trace.note("first sound")
                continue
            message = json.loads(received)
            match message["type"]:
                case "turn_ended":
                    self._trace.note("turn ended")
                    self._turn_over.set()
                case "readings" | "nothing_heard" | "failed":
                    if message["type"] == "readings":
                        self._send(type="none_of_these", utterance=message["utterance"])
                    self._trace.note("asked")
                case "state" if message["state"] == "ready" and self._turn_over.is_set():
                    self._done.set()
                case "error":
                    click.echo(f"error: {message['code']}", err=True)

    def _send(self, **message: Any) -> None:
        self._ws.send(json.dumps(message))


class _Person(UserMixin):  # type: ignore[misc]
    def __init__(self, account_id: str) -> None:
        self.id, self.role = account_id, "tablet"


@contextmanager
def _service() -> Iterator[Bedside]:
    """The service in a home that is gone afterwards, with one patient, who may be spoken for."""
    with tempfile.TemporaryDirectory(prefix="samevoice-bench-") as folder:
        os.environ.update({"SAMEVOICE_HOME": folder, "SAMEVOICE_PUBLIC_ORIGIN": _ORIGIN})
        from clinic import tables  # noqa: F401 - every table is known before the first query
        from clinic.live import socket as live_socket
        from samevoice import onebox
        from workers.tasks import live as tasks
        from workers.tasks import rooms

        onebox.prepare()
        patient_id, account_id = _patient()
        rooms.preload()
        app, token = Flask("bench-live"), secrets.token_hex(16)
        app.secret_key = token

        def known(asked: Any) -> _Person | None:
            return _Person(account_id) if asked.headers.get("X-Bench") == token else None

        LoginManager(app).request_loader(known)
        live_socket.register(app)
        server = make_server("127.0.0.1", 0, app, threaded=True)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        with onebox.workers():
            headers = {"X-Bench": token, "Origin": _ORIGIN}
            url = f"ws://127.0.0.1:{server.server_port}/live/socket"
            with closing(Client(url, headers=headers)) as ws:
                bedside = Bedside(ws, patient_id)
                publish = tasks._tell

                def told(row: Any, event: dict[str, Any], blob: bytes = b"") -> None:
                    bedside.tell(event["type"])
                    publish(row, event, blob)

                tasks._tell = told
                try:
                    yield bedside
                finally:
                    tasks._tell = publish
        server.shutdown()


def _build() -> str:
    """Have a voice built from the reading of the demo, by the same service."""
    from bench import steps, two_cities
    from workers.tasks.sound import wav_bytes

    other = steps.enrol_patient("Somebody", steps.account_id("bench-clinician"))
    recording = steps.wait_checked(steps.upload(other, wav_bytes(two_cities.historic()), "historic.wav"))
    return steps.build(other, [recording.id])


def _leave(voice_id: str) -> float:
    """Stop building; the share that was done."""
    from clinic.database import transaction
    from clinic.voices.tables import Voice

    with transaction() as session:
        row = session.get_one(Voice, voice_id)
        row.cancel_requested = True
        return row.progress


def _patient() -> tuple[str, str]:
    """A patient with a public voice, and the account of their tablet."""
    from bench import steps
    from clinic.accounts.service import create_account
    from clinic.database import new_id, transaction
    from clinic.voices.tables import READY, Voice
    from workers.contracts import Voice as Vectors
    from workers.tasks import rooms, sealed

    with transaction() as session:
        clinician = create_account(session, "bench-clinician", secrets.token_hex(12), "clinician").id
    patient_id = steps.enrol_patient("Nobody", clinician)
    engine: Any = rooms.engine("kokoro")
    style = engine._acoustics.space.style(VOICE, 61).astype(np.float32)
    with transaction() as session:
        account = create_account(session, "bench-tablet", secrets.token_hex(12), "tablet", patient_id=patient_id)
        row = Voice(id=new_id(), patient_id=patient_id, version=1, state=READY, recording_ids=[])
        sealed.seal_voice(row, Vectors(engine.name, engine.model, engine.revision, {"style": style}, _MEASURES))
        session.add(row)
        return patient_id, account.id


def _table(found: dict[str, Any]) -> str:
    lines = [
        f"load {found['load'][0]:.1f} to {found['load'][1]:.1f}",
        f"press {PRESS_S} s after the last word: {found['spoken']} of {found['utterances']} spoken",
        *(
            f"  {name}: ours {found[f'ours_{name}_s']} s, stock {found[f'stock_{name}_s']} s, {found[f'ratio_{name}']}"
            for name in ("p50", "p95")
        ),
        *(f"           {name}: {took_s} s" for name, took_s in found["stages"].items()),
    ]
    for way in WAYS:
        row = found[way.name]
        begun = row["begun_ahead_per_utterance"]
        lines.append(f"{way.name}, a turn ends after {way.pause_s} s; begun ahead {begun:.1f} times an utterance")
        for how in ("without", "ahead"):
            part = row[how]
            if not part["spoken"]:
                lines.append(f"  {how:8} none was spoken")
                continue
            sounds_s, after_s = part["last_word_to_first_sound_s"], part["turn_ended_to_first_sound_s"]
            lines.append(f"  {how:8} first sound {sounds_s} s after the last word, {after_s} s after the turn's end")
            lines += [f"           {name}: {took_s} s" for name, took_s in part["hops_s"].items()]
    return "\n".join(lines)
