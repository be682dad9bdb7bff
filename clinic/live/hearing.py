"""The sound of a connection: the open turn, its sequence numbers, and what is kept of it when the connection breaks."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any

from clinic.errors import PlainError
from clinic.live import messages as m
from clinic.live import utterances
from clinic.live.limits import AUDIO_BURST_S, AUDIO_RATE, Bucket
from clinic.live.loudness import Loudness
from clinic.live.messages import ProtocolError
from clinic.live.registry import OpenTurn, Registry
from clinic.live.turns import Ended, Turn
from clinic.live.voice_activity import Detector

log = logging.getLogger(__name__)

ACK_EVERY_FRAMES = 10


class Hearing:
    """At most one open turn. `tell` sends a message. Not safe to use from two threads: its connection holds a lock."""

    def __init__(self, detector: Detector, registry: Registry, tell: Callable[..., None]) -> None:
        self._detector, self._registry, self._tell = detector, registry, tell
        self._limit = Bucket(AUDIO_RATE, AUDIO_BURST_S)
        self._loudness = Loudness()
        self._had_turn = False
        self.open: OpenTurn | None = None
        #: A turn that a pause has ended, and that may go on.
        self.lingering: OpenTurn | None = None

    def begin(self, name: str, mode: str, pause_s: float) -> None:
        """Open a turn."""
        self.open = OpenTurn(name, mode, Turn(mode, pause_s, self._detector, self._loudness))
        self.lingering, self._had_turn = None, True

    def resume(self, session_id: str, name: str) -> dict[str, Any] | None:
        """What became of a turn that the tablet still holds: `welcome.turn` of the protocol."""
        taken = utterances.of_turn(session_id, name)
        if taken is not None:
            return {"turn": name, "utterance": taken}
        self.open = self._registry.unpark(session_id, name)
        self._had_turn = self.open is not None
        return {"turn": name, "next_audio": self.open.next_audio} if self.open else None

    def take(self, frame: bytes) -> Ended | None:
        """A binary frame; the end of the turn, once it is reached. Raises ProtocolError.

        A turn that lingers is open again once the patient speaks on.
        """
        sequence, pcm = m.parse_audio(frame)
        if not self._limit.take(len(pcm) / m.BYTES_PER_SAMPLE / m.RATE_UP_HZ):
            raise ProtocolError("flood", "Sound came faster than anybody speaks.", m.CLOSE_FLOOD)
        turn = self.open or self.lingering
        if turn is None:
            # What was under way when the turn ended is of no use any more; sound before any turn is a mistake.
            if not self._had_turn:
                raise ProtocolError("wrong_order", "Sound came before start.", m.CLOSE_WRONG_ORDER)
            return None
        if sequence > turn.next_audio:
            raise ProtocolError("audio_gap", "A piece of sound is missing.", m.CLOSE_WRONG_ORDER)
        if sequence < turn.next_audio:
            return None
        turn.next_audio += 1
        if turn is self.lingering:
            if turn.turn.goes_on(pcm):
                self.open, self.lingering = turn, None
            elif turn.turn.is_over:
                self.lingering = None
            return None
        if turn.next_audio % ACK_EVERY_FRAMES == 0:
            self._tell("ack", turn=turn.name, next_audio=turn.next_audio)
        return turn.turn.feed(pcm)

    def pause(self) -> tuple[Ended | None, bool]:
        """See `Turn.settled` and `Turn.spoke_on`, of the open turn."""
        if self.open is None:
            return None, False
        return self.open.turn.settled(), self.open.turn.spoke_on()

    def linger(self, turn: OpenTurn, utterance: str) -> None:
        """A pause ended this turn, which became that utterance; the patient may speak on."""
        turn.utterance, self.lingering = utterance, turn

    def release(self) -> OpenTurn | None:
        """The open turn, which is not open any more."""
        turn, self.open = self.open, None
        return turn

    def park(self, session_id: str, patient_id: str) -> None:
        """The tablet is gone in the middle of a turn: what was heard is kept at once, and the turn waits for it."""
        turn, self.lingering = self.release(), None
        if turn is None:
            return
        heard = turn.turn.so_far()
        self._registry.park(session_id, turn)
        if not heard.pcm:
            return
        try:
            utterances.keep(session_id, patient_id, turn.name, heard, turn.mode)
        except PlainError as error:
            log.warning("what was heard before the connection broke could not be kept: %s", error.code)
