"""The tasks without the models: an engine that hums, and a watermark that adds a little."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pytest

from clinic.database import transaction
from tests.browser import seeding
from workers.contracts import Audio, Capabilities, Manner, Speech, SpokenError, Voice

TRIPLE = ("kokoro", "kokoro-82m", "r1")


@dataclass
class Hum:
    """Hums at the pitch of the voice, a tenth of a second a word; keeps what it was asked to say."""

    name: str = TRIPLE[0]
    model: str = TRIPLE[1]
    revision: str = TRIPLE[2]
    said: list[str] = field(default_factory=list)
    respelt: list[Mapping[str, str] | None] = field(default_factory=list)
    while_saying: Callable[[str], None] = lambda _: None

    def capabilities(self) -> Capabilities:
        return Capabilities(("en",), 10.0, pace=True, pitch=True, manner=True, streaming=True)

    def say(
        self, text: str, voice: Voice, manner: Manner | None = None, *,
        cancelled: Any = None, pronunciations: Mapping[str, str] | None = None,
    ) -> Iterator[Speech]:  # fmt: skip
        if (voice.engine, voice.model, voice.revision) != (self.name, self.model, self.revision):
            raise SpokenError("wrong_voice", "This voice was built for another engine or revision.")
        self.said.append(text)
        self.respelt.append(pronunciations)
        self.while_saying(text)
        times = np.arange(2400 * len(text.split())) / 24_000
        samples = 0.2 * np.sin(2 * np.pi * voice.measures["f0_median_hz"] * times)
        yield Speech(text, Audio(samples.astype(np.float32), 24_000), last=True)


class Mark:
    """Marks by a constant, so that a test can tell."""

    def mark(self, audio: Audio) -> Audio:
        return Audio(audio.samples + np.float32(0.01), audio.rate_hz)


@pytest.fixture
def hum(monkeypatch: pytest.MonkeyPatch) -> Hum:
    """In place of the engine."""
    from workers.tasks import rooms

    engine, mark = Hum(), Mark()
    monkeypatch.setattr(rooms, "engine", lambda _name=None: engine)
    monkeypatch.setattr(rooms, "watermark", lambda: mark)
    return engine


@pytest.fixture
def sent(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, tuple[Any, ...]]]:
    """What was queued, in place of a broker."""
    work: list[tuple[str, tuple[Any, ...]]] = []
    monkeypatch.setattr("clinic.queue._publish", lambda name, args, queue: work.append((name, args)))
    return work


@pytest.fixture
def patient_id(home: object, sent: object) -> str:
    """A patient who agreed to everything."""
    clinician = seeding.people()
    with transaction() as session:
        return seeding.patient(session, clinician, "Margit Lindqvist")


def built(pitch_hz: float, **changes: Any) -> Voice:
    """A voice that hums at `pitch_hz`."""
    measures: Mapping[str, float] = {"f0_median_hz": pitch_hz, "similarity": 0.4}
    given = {"engine": TRIPLE[0], "model": TRIPLE[1], "revision": TRIPLE[2], **changes}
    return Voice(vectors={"style": np.full(256, pitch_hz, np.float32)}, measures=measures, **given)


def ready(patient_id: str, version: int, pitch_hz: float) -> str:
    """A version that is ready; its id."""
    from clinic.voices.tables import READY
    from workers.tasks import sealed

    with transaction() as session:
        row = seeding.voice(session, patient_id, version, READY, [])
        sealed.seal_voice(row, built(pitch_hz))
        return row.id
