"""When a turn begins and when it is over: a state machine over sound, that knows nothing of sockets or clocks.

People whose speech is impaired pause inside sentences and begin softly; ordinary end-pointing cuts about a quarter of
stuttered utterances apart (Lea et al., CHI 2023). So: a low threshold, the sound from before the detected start is
kept, the patient sets how long a pause ends a turn, and holding the button leaves the end to them alone.
"""

from __future__ import annotations

import math
from collections import deque
from dataclasses import dataclass, field

from clinic.live.voice_activity import WINDOW_BYTES, WINDOW_S, Detector

#: Silero at 0.5 cut 12 of 60 severely impaired utterances apart; at 0.35, three (shared/DESIGN.md).
SPEECH_FROM = 0.35
#: Once speaking, breathy and quiet sounds still count: Silero's own hysteresis of 0.15.
SPEECH_UNTIL = 0.20
#: As many windows of speech within the last `_ONSET_WITHIN` begin a turn: a tap on the tablet's case does not.
_ONSET_WINDOWS = 3
_ONSET_WITHIN = 6

PRE_ROLL_S = 0.5
#: Silence kept behind the last word; a cut close to it makes a recogniser invent words.
TAIL_S = 0.5
PAUSE_LEAST_S, PAUSE_MOST_S = 0.4, 4.0
LONGEST_S = 60.0
#: After a tap, silence for this long means that nothing will come. Starting to speak can take long.
WAIT_S = 20.0

HOLD, TAP, FREE = "hold", "tap", "free"


@dataclass(frozen=True)
class Ended:
    """A turn that is over.

    pcm: s16le, 16 kHz, from `PRE_ROLL_S` before the first speech; empty when nothing was heard. speech_s: how much of
    it is speech. reason: 'pause', 'finish', 'longest', 'nothing_heard' or 'cut_off'.
    """

    pcm: bytes = field(repr=False)
    speech_s: float
    reason: str


class Turn:
    """One turn, fed with sound in pieces of any size. What comes out does not depend on how the sound was cut."""

    def __init__(self, mode: str, pause_s: float, detector: Detector) -> None:
        if mode not in (HOLD, TAP, FREE):
            raise ValueError(f"unknown mode {mode}")
        self.mode = mode
        pause_s = min(max(pause_s, PAUSE_LEAST_S), PAUSE_MOST_S)
        self._pause_windows = _windows(pause_s)
        self._detector = detector
        detector.reset()
        self._waiting = bytearray()
        self._before: deque[bytes] = deque(maxlen=_windows(PRE_ROLL_S) + _ONSET_WITHIN)
        self._recent: deque[bool] = deque(maxlen=_ONSET_WITHIN)
        self._kept: list[bytes] = []
        self._waited_windows = 0
        self._speech_windows = 0
        self._silent_windows = 0
        self._ended: Ended | None = None

    def feed(self, pcm: bytes) -> Ended | None:
        """Take more sound (s16le, 16 kHz, any number of bytes); the end once it is reached, and from then on."""
        self._waiting += pcm
        while self._ended is None and len(self._waiting) >= WINDOW_BYTES:
            window = bytes(self._waiting[:WINDOW_BYTES])
            del self._waiting[:WINDOW_BYTES]
            self._take(window)
        return self._ended

    def so_far(self) -> Ended:
        """What was heard until now, with reason 'cut_off'. The turn itself goes on."""
        if not self._kept:
            return Ended(b"", 0.0, "nothing_heard")
        waiting = bytes(self._waiting[: len(self._waiting) // 2 * 2])
        return Ended(b"".join(self._kept) + waiting, self._speech_windows * WINDOW_S, "cut_off")

    def finish(self) -> Ended:
        """The patient says that the turn is over."""
        if self._ended is None and self._waiting:
            odd = len(self._waiting) % 2
            last = bytes(self._waiting[: len(self._waiting) - odd])
            self._take(last + bytes(WINDOW_BYTES - len(last)))
        if self._ended is None:
            self._end("finish")
        assert self._ended is not None
        return self._ended

    def _take(self, window: bytes) -> None:
        probability = self._detector.probability(window)
        if not self._kept:
            self._listen_for_start(window, probability)
            return
        self._kept.append(window)
        if probability >= SPEECH_UNTIL:
            self._speech_windows += 1
            self._silent_windows = 0
        else:
            self._silent_windows += 1
        if self.mode != HOLD and self._silent_windows >= self._pause_windows:
            self._end("pause")
        elif len(self._kept) >= _windows(LONGEST_S):
            self._end("longest")

    def _listen_for_start(self, window: bytes, probability: float) -> None:
        self._before.append(window)
        self._recent.append(probability >= SPEECH_FROM)
        self._waited_windows += 1
        if sum(self._recent) >= _ONSET_WINDOWS:
            since = len(self._recent) - list(self._recent).index(True)
            self._kept = list(self._before)[-(since + _windows(PRE_ROLL_S)) :]
            self._speech_windows = sum(self._recent)
        elif (self.mode == TAP and self._waited_windows >= _windows(WAIT_S)) or (
            self.mode == HOLD and self._waited_windows >= _windows(LONGEST_S)
        ):
            self._end("nothing_heard")

    def _end(self, reason: str) -> None:
        if not self._kept:
            self._ended = Ended(b"", 0.0, "nothing_heard")
            return
        surplus = self._silent_windows - _windows(TAIL_S)
        kept = self._kept[: len(self._kept) - surplus] if surplus > 0 else self._kept
        self._ended = Ended(b"".join(kept), self._speech_windows * WINDOW_S, reason)


def _windows(seconds: float) -> int:
    return math.ceil(seconds / WINDOW_S)
