"""When a turn begins and when it is over: a state machine over sound, that knows nothing of sockets or clocks.

People whose speech is impaired pause inside sentences and begin softly; ordinary end-pointing cuts about a quarter of
stuttered utterances apart (Lea et al., CHI 2023). So: what stands out from the room belongs to whoever began to speak,
also where the detector hears no speech; the sound from before the start is kept; a turn that goes on after its end is
taken up again; and holding the button leaves the end to the patient alone. docs/turns.md has the figures.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import pairwise

from clinic.live.loudness import Loudness
from clinic.live.voice_activity import WINDOW_BYTES, WINDOW_S, Detector

#: Silero at 0.5 cut 12 of 60 severely impaired utterances apart; at 0.35, three (shared/DESIGN.md).
SPEECH_FROM = 0.35
#: Once speaking, breathy and quiet sounds still count: Silero's own hysteresis of 0.15.
SPEECH_UNTIL = 0.20
#: As many windows of speech within the last `_ONSET_WITHIN` begin a turn: a tap on the tablet's case does not.
_ONSET_WINDOWS, _ONSET_WITHIN = 3, 6
#: After a touch, so many windows that stand out within so many begin one too: the patient is about to speak.
_SOUND_WINDOWS, _SOUND_WITHIN = 8, 12
#: But what the detector never heard ends nothing before it has sounded for this long: it was a door, or a cough.
_SOUND_LEAST_S = 0.8
#: And in a loud room it holds a turn open for at most this long after the detector last heard speech. In a quiet one
#: there is no such end: of severe speech the detector loses 15 s at a time (docs/turns.md).
_SOUND_HOLDS_S = 12.0

PRE_ROLL_S = 0.5
#: A soft beginning reaches back from where speech was detected, over gaps of this length at most; after a touch, of the
#: patient's pause: a short first word that was not detected belongs to what follows.
_BACK_S, _BACK_GAP_S = 5.0, 0.6
#: Silence kept behind the last word, and after which it is worked on ahead of the turn's end. Words are recognised as
#: well from 0.25 s on as with 0.5 (docs/latency.md).
TAIL_S = 0.35
PAUSE_LEAST_S, PAUSE_MOST_S = 0.4, 4.0
#: So long after a pause ended it, a turn is taken up again when somebody speaks on.
JOINS_S = 3.0
#: Within a turn, this much more than its longest pause until now.
_LONGER = 1.3
#: After words that can hardly be all, so much more.
_UNFINISHED_S = 1.0
#: Shorter silences belong to words (a closed stop lasts up to 0.2 s).
INNER_PAUSE_S = 0.25
LONGEST_S = 60.0
#: After a tap, silence for this long means that nothing will come. Starting to speak can take long.
WAIT_S = 20.0

HOLD, TAP, FREE = "hold", "tap", "free"


@dataclass(frozen=True)
class Ended:
    """A turn that is over.

    pcm: s16le, 16 kHz, from `PRE_ROLL_S` before the first sound; empty when nothing was heard. speech_s: how much of it
    is speech. reason: 'pause', 'finish', 'longest' or 'nothing_heard'; of one that goes on 'cut_off' or 'so_far'.
    longest_pause_s: inside it, 0 where there was none; None where the room was too loud to tell, or nothing was heard.
    """

    pcm: bytes = field(repr=False)
    speech_s: float
    reason: str
    longest_pause_s: float | None = None


_NOTHING = Ended(b"", 0.0, "nothing_heard")


class Turn:
    """One turn, fed with sound in pieces of any size. What comes out does not depend on how the sound was cut."""

    def __init__(self, mode: str, pause_s: float, detector: Detector, loudness: Loudness | None = None) -> None:
        """`pause_s`: how long a pause ends it. `loudness`: what the turns before have told of room and speaker."""
        if mode not in (HOLD, TAP, FREE):
            raise ValueError(f"unknown mode {mode}")
        self.mode = mode
        self._pause_windows = _windows(min(max(pause_s, PAUSE_LEAST_S), PAUSE_MOST_S))
        self._detector, self._loudness = detector, loudness or Loudness()
        detector.reset()
        self._waiting = bytearray()
        self._kept: list[bytes] = []
        #: What was heard of the last windows before the start, and of each kept one: it is speech, or it sounds.
        self._before: deque[tuple[bytes, bool]] = deque(maxlen=_windows(PRE_ROLL_S + _BACK_S))
        self._recent: deque[bool] = deque(maxlen=_ONSET_WITHIN)
        self._sounds: deque[bool] = deque(maxlen=_SOUND_WITHIN)
        self._waited_windows = self._speech_windows = self._silent_windows = 0
        self._longest_windows = self._after_windows = 0
        self._since_detected: int | None = None
        self._was_noisy = False
        self._so_far: Ended | None = None
        self._is_settled = self._spoke_on = self._is_unfinished = False
        self._ended: Ended | None = None

    def feed(self, pcm: bytes) -> Ended | None:
        """Take more sound (s16le, 16 kHz, any number of bytes); the end once it is reached, and from then on."""
        self._waiting += pcm
        while self._ended is None and (window := self._next()):
            self._take(window)
        return self._ended

    def goes_on(self, pcm: bytes) -> bool:
        """Take what came after a pause ended the turn: True once somebody speaks on, and it is open again, as a whole.

        In a noisy room only the detector says so: readings that wait must not go because a trolley passes.
        What comes after `JOINS_S`, and after any other end, is passed over.
        """
        assert self._ended is not None
        self._waiting += pcm
        while not self.is_over and (window := self._next()):
            self._after_windows += 1
            probability = self._detector.probability(window)
            self._hear(window, probability, self._loudness.stands_out(window, _speech(probability)))
            sounds = sum(self._sounds) >= _SOUND_WINDOWS and not self._loudness.is_noisy
            if sum(self._recent) >= _ONSET_WINDOWS or sounds:
                self._ended, self._after_windows = None, 0
                self.feed(b"")
                return True
        return False

    @property
    def is_over(self) -> bool:
        """True when it has ended, and cannot go on any more."""
        if self._ended is None:
            return False
        return self._ended.reason != "pause" or self._after_windows >= _windows(JOINS_S)

    def settled(self) -> Ended | None:
        """What was said until a silence of `TAIL_S`, told once for each such silence, with reason 'so_far'.

        If nobody speaks on, the turn's end will bring the very same sound: what is made of this one is made of that.
        """
        so_far, self._so_far = self._so_far, None
        return so_far

    def spoke_on(self) -> bool:
        """Whether what `settled` told was not the end, after all; told once."""
        spoke_on, self._spoke_on = self._spoke_on, False
        return spoke_on

    def wait_longer(self) -> None:
        """The words so far can hardly be all: the silence that is heard now has to be longer to be the end."""
        self._is_unfinished = self._is_settled

    def so_far(self) -> Ended:
        """What was heard until now, with reason 'cut_off'. The turn itself goes on."""
        if not self._kept:
            return _NOTHING
        waiting = bytes(self._waiting[: len(self._waiting) // 2 * 2])
        return Ended(b"".join(self._kept) + waiting, self._speech_s, "cut_off", self._longest_pause_s)

    def finish(self) -> Ended:
        """The patient says that the turn is over."""
        if self._ended is None and self._waiting:
            odd = len(self._waiting) % 2
            last = bytes(self._waiting[: len(self._waiting) - odd])
            self._take(last + bytes(WINDOW_BYTES - len(last)))
        if self._ended is None:
            if not self._kept and sum(sounds for _, sounds in self._before) >= _ONSET_WITHIN:
                # They say that they spoke, and something did sound: the recogniser is to say that it was nothing.
                self._begin(0)
            self._end("finish")
        assert self._ended is not None
        return self._ended

    def _next(self) -> bytes:
        if len(self._waiting) < WINDOW_BYTES:
            return b""
        window = bytes(self._waiting[:WINDOW_BYTES])
        del self._waiting[:WINDOW_BYTES]
        return window

    def _take(self, window: bytes) -> None:
        probability = self._detector.probability(window)
        stands_out = self._loudness.stands_out(window, _speech(probability))
        if not self._kept:
            self._listen_for_start(window, probability, stands_out)
            return
        self._hear(window, probability, stands_out)
        longer = 0.0 if self._was_noisy else _LONGER * self._longest_windows
        more = _windows(_UNFINISHED_S) if self._is_unfinished else 0
        if self.mode != HOLD and self._silent_windows >= max(self._pause_windows, longer) + more:
            if self._is_detected or self._speech_s >= _SOUND_LEAST_S:
                self._end("pause")
            else:
                self._listen_again()
        elif len(self._kept) >= _windows(LONGEST_S):
            self._end("longest")
        elif self._silent_windows == _windows(TAIL_S) and (self._is_detected or self._speech_s >= _SOUND_LEAST_S):
            self._so_far = Ended(b"".join(self._kept), self._speech_s, "so_far", self._longest_pause_s)
            self._is_settled = True

    def _hear(self, window: bytes, probability: float, stands_out: bool) -> None:
        self._kept.append(window)
        self._recent.append(probability >= SPEECH_FROM)
        self._sounds.append(stands_out)
        if sum(self._recent) >= _ONSET_WINDOWS or (self._is_detected and probability >= SPEECH_UNTIL):
            self._since_detected = 0
        elif self._since_detected is not None:
            self._since_detected += 1
        if self._goes_on(probability, stands_out):
            if self._silent_windows >= _windows(INNER_PAUSE_S):
                self._longest_windows = max(self._longest_windows, self._silent_windows)
            self._speech_windows += 1
            self._silent_windows = 0
            self._spoke_on = self._spoke_on or self._is_settled
            self._is_settled = self._is_unfinished = False
        else:
            self._silent_windows += 1

    def _goes_on(self, probability: float, stands_out: bool) -> bool:
        """Whether the newest window belongs to what is said. In a noisy room no single one is taken for it."""
        if self._loudness.is_noisy:
            self._was_noisy = True
            return sum(self._recent) >= _ONSET_WINDOWS or (
                stands_out and self._is_held and sum(list(self._sounds)[-_ONSET_WITHIN:]) >= _ONSET_WINDOWS
            )
        return probability >= SPEECH_UNTIL or stands_out

    def _listen_for_start(self, window: bytes, probability: float, stands_out: bool) -> None:
        self._recent.append(probability >= SPEECH_FROM)
        self._sounds.append(stands_out)
        self._before.append((window, stands_out or probability >= SPEECH_UNTIL))
        self._waited_windows += 1
        if sum(self._recent) >= _ONSET_WINDOWS:
            self._since_detected = 0
            self._begin(len(self._before) - len(self._recent) + self._recent.index(True))
        elif self.mode != FREE and sum(self._sounds) >= _SOUND_WINDOWS:
            self._begin(len(self._before) - len(self._sounds) + self._sounds.index(True))
        elif (self.mode == TAP and self._waited_windows >= _windows(WAIT_S)) or (
            self.mode == HOLD and self._waited_windows >= _windows(LONGEST_S)
        ):
            self._end("nothing_heard")

    def _begin(self, onset: int) -> None:
        """Keep what was heard since the sound that leads up to window `onset` of those before, and the pre-roll."""
        heard = list(self._before)
        most = _windows(_BACK_GAP_S) if self.mode == FREE else self._pause_windows
        first, gap = onset, 0
        for place in range(onset - 1, -1, -1):
            gap = 0 if heard[place][1] else gap + 1
            if gap > most:
                break
            first = first if gap else place
        self._kept = [window for window, _ in heard[max(0, first - _windows(PRE_ROLL_S)) :]]
        self._speech_windows = sum(sounds for _, sounds in heard[first:])
        self._longest_windows = _longest_gap([sounds for _, sounds in heard[first:]])
        self._silent_windows = 0

    def _listen_again(self) -> None:
        """What began was no speech: the patient has still to begin."""
        self._before.extend((window, False) for window in self._kept)
        self._sounds.clear()
        self._kept, self._speech_windows, self._longest_windows = [], 0, 0

    @property
    def _is_detected(self) -> bool:
        return self._since_detected is not None

    @property
    def _is_held(self) -> bool:
        """Whether what stands out from a loud room may hold the turn open: speech was detected lately, or never."""
        return self._since_detected is None or self._since_detected <= _windows(_SOUND_HOLDS_S)

    @property
    def _speech_s(self) -> float:
        return self._speech_windows * WINDOW_S

    @property
    def _longest_pause_s(self) -> float | None:
        return None if self._was_noisy else round(self._longest_windows * WINDOW_S, 3)

    def _end(self, reason: str) -> None:
        self._so_far = None
        if not self._kept:
            self._ended = _NOTHING
            return
        surplus = self._silent_windows - _windows(TAIL_S)
        kept = self._kept[: len(self._kept) - surplus] if surplus > 0 else self._kept
        self._ended = Ended(b"".join(kept), self._speech_s, reason, self._longest_pause_s)


def _longest_gap(sounds: Sequence[bool]) -> int:
    """The longest run of False between two True, where it is a pause."""
    places = [place for place, heard in enumerate(sounds) if heard]
    gaps = [after - before - 1 for before, after in pairwise(places)]
    return max((gap for gap in gaps if gap >= _windows(INNER_PAUSE_S)), default=0)


def _speech(probability: float) -> bool | None:
    return True if probability >= SPEECH_FROM else None if probability >= SPEECH_UNTIL else False


def _windows(seconds: float) -> int:
    return math.ceil(seconds / WINDOW_S)
