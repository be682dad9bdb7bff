"""From the workers to the tablet: one thread a connection reads the session's events and sends them on.

Nothing piles up here: the stream is bounded, an event is sent before the next is looked at, and a browser that does
not take what it is sent is given up (clinic.live.websocket).
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

from clinic.errors import PlainError
from clinic.events import Event, get_stream
from clinic.live import utterances
from clinic.live.messages import FRAME_DOWN_BYTES, HEADER, RATE_DOWN_HZ

#: No sign of a worker for this long: the tablet is told that it takes longer.
SLOW_AFTER_S = 15.0
#: And after this long in all: that nobody answers.
GIVE_UP_AFTER_S = 60.0
SLOW = "This is taking longer than it should. Please wait a little, or stop it and try again."
DEAD = (
    "Same Voice could not say this: the part that understands speech is not answering. What you said is kept. "
    "Please ask someone to tell hospital IT."
)
_POLL_S = 0.25
_AWAY_S = 1.0
_DROPPED_AT_MOST = 100


class Listener(Protocol):
    """The connection, as its relay sees it."""

    def tell(self, kind: str, **fields: Any) -> None:
        """Send a message to the tablet."""
        ...

    def tell_sound(self, frame: bytes) -> None:
        """Send a binary frame to the tablet."""
        ...

    def follow(self, state: str, utterance: str) -> None:
        """The work on an utterance has come to this state."""
        ...

    def failed(self, utterance: str, code: str, message: str, event: str | None) -> None:
        """The work on an utterance has failed."""
        ...

    def unfinished(self, utterance: str, so_far_bytes: int) -> None:
        """What was said in so many bytes of a turn can hardly be all."""
        ...

    def replace(self) -> None:
        """Another connection has taken this one's place."""
        ...


@dataclass
class _Watched:
    since_s: float
    told: bool = False


class Relay:
    """Reads `session:…` for what the workers say and `tablet:…` for newer connections of the same patient."""

    def __init__(
        self,
        listener: Listener,
        patient_id: str,
        session_id: str,
        *,
        after: str,
        claim: str,
        claimed_at: str,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._listener, self._patient_id, self._session_id = listener, patient_id, session_id
        self._after, self._claim, self._claimed_at, self._clock = after, claim, claimed_at, clock
        self._lock = threading.Lock()
        self._watched: dict[str, _Watched] = {}
        self._dropped: deque[str] = deque(maxlen=_DROPPED_AT_MOST)
        self._sequence = 0
        self._away = False
        self.stopped = threading.Event()

    def watch(self, utterance: str) -> None:
        """A worker has to give a sign of life about this utterance."""
        with self._lock:
            self._watched[utterance] = _Watched(self._clock())

    def drop(self, utterance: str) -> None:
        """Nothing more of this utterance goes to the tablet."""
        with self._lock:
            self._watched.pop(utterance, None)
            self._dropped.append(utterance)

    def take_up(self, utterance: str) -> None:
        """What was dropped may sound after all."""
        with self._lock:
            while utterance in self._dropped:
                self._dropped.remove(utterance)

    def run(self) -> None:
        """Relay until stopped. Raises ConnectionClosed when the tablet is gone, VaultError when nothing opens."""
        while not self.stopped.is_set():
            try:
                events = get_stream().read(f"session:{self._session_id}", self._patient_id, self._after, _POLL_S)
                if self._replaced():
                    self._listener.replace()
                    return
            except PlainError as error:
                if error.code != "events_unavailable":
                    raise
                if not self._away:
                    self._away = True
                    self._listener.tell("error", code=error.code, message=error.message, fatal=False)
                self.stopped.wait(_AWAY_S)
                events = []
            else:
                self._away = False
            for event in events:
                if self.stopped.is_set():
                    return
                self._after = event.id
                self._relay(event)
            self._look_after_the_watched()

    def _replaced(self) -> bool:
        claims = get_stream().read(f"tablet:{self._patient_id}", self._patient_id, self._claimed_at, 0.0)
        if claims:
            self._claimed_at = claims[-1].id
        return any(claim.event.get("connection") != self._claim for claim in claims)

    def _relay(self, event: Event) -> None:
        body, utterance = event.event, str(event.event.get("utterance", ""))
        with self._lock:
            if utterance in self._dropped:
                return
            if utterance in self._watched:
                self._watched[utterance] = _Watched(self._clock())
        tell, follow = self._listener.tell, self._listener.follow
        match body.get("type"):
            case "working":
                follow("working", utterance)
            case "unfinished":
                self._listener.unfinished(utterance, int(body["bytes"]))
            case "words":
                tell("words", event=event.id, utterance=utterance, text=body["text"], confidence=body["confidence"])
            case "unsure":
                self._done(utterance)
                shown = ("text", "confidence", "english")
                readings = [{name: r[name] for name in shown if name in r} for r in body["readings"]]
                tell("readings", event=event.id, utterance=utterance, readings=readings, why=body.get("why", ""))
                follow("unsure", utterance)
            case "nothing_heard":
                self._done(utterance)
                tell("nothing_heard", event=event.id, utterance=utterance, message=body["message"])
                follow("ready", utterance)
            case "speech_start":
                self._sequence = 0
                voice, rate_hz = body.get("voice", "own"), body.get("rate_hz", RATE_DOWN_HZ)
                tell("speech_start", event=event.id, utterance=utterance, rate_hz=rate_hz, voice=voice)
                follow("speaking", utterance)
            case "speech":
                self._sound(event.blob)
            case "speech_end":
                self._done(utterance)
                fields = {name: body.get(name) for name in ("duration_s", "watermarked")}
                tell("speech_end", event=event.id, utterance=utterance, frames=self._sequence, **fields)
                follow("ready", utterance)
            case "failed":
                self._done(utterance)
                self._listener.failed(utterance, body["code"], body["message"], event.id)

    def _sound(self, pcm: bytes) -> None:
        for start in range(0, len(pcm), FRAME_DOWN_BYTES):
            if self.stopped.is_set():
                return
            self._listener.tell_sound(HEADER.pack(self._sequence) + pcm[start : start + FRAME_DOWN_BYTES])
            self._sequence += 1

    def _done(self, utterance: str) -> None:
        with self._lock:
            self._watched.pop(utterance, None)

    def _look_after_the_watched(self) -> None:
        at = self._clock()
        slow: list[str] = []
        dead: list[str] = []
        with self._lock:
            for utterance, watched in self._watched.items():
                if at - watched.since_s >= GIVE_UP_AFTER_S:
                    dead.append(utterance)
                elif at - watched.since_s >= SLOW_AFTER_S and not watched.told:
                    watched.told = True
                    slow.append(utterance)
        for utterance in slow:
            self._listener.tell("slow", utterance=utterance, message=SLOW)
        for utterance in dead:
            self.drop(utterance)
            utterances.give_up(utterance, "no_worker", DEAD)
            self._listener.failed(utterance, "no_worker", DEAD, None)
