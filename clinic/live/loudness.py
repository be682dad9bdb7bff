"""What stands out from the room, window by window: sound of somebody who is speaking, where the detector hears none.

Silero was trained on people who speak clearly. Of severely impaired speech it finds a tenth (docs/turns.md), so it
cannot say alone when somebody has ended. Whoever began to speak goes on as long as something sounds that comes near to
how loud they were, and is louder than what the room did by itself.
"""

from __future__ import annotations

from collections import deque

import numpy as np

from clinic.live.voice_activity import WINDOW_S

_PRE_EMPHASIS = 0.7  # consonants count, hum does not
_ROOM_S, _VOICE_S = 10.0, 3.0  # so much of the past tells how quiet it is, and how loud they are
_QUIETEST, _LOUDEST, _LOUDEST_OF_ALL = 0.08, 0.9, 0.95  # quantiles: of the room, of speech, while there was none
_SHARE = 0.35  # of the way from the one to the other, in dB
_LEAST_RANGE_DB, _MOST_RANGE_DB = 10.0, 40.0
_LEAST_DB = -62.0  # below full scale: a room without anybody in it
_FEWEST = 3  # windows of speech
_ROOM_WINDOWS = (20, 160)  # of what was no speech: the fewest that tell something, and the last that are looked at
_ROOM_LOUDEST, _OVER_ROOM_DB = 0.95, 1.0
_NOISY_DB = 18.0  # the loudest of speech is nearer than this to the loudest of the room


class Loudness:
    """How loud the last windows were. It outlives a turn: the room and the speaker are the same in the next."""

    def __init__(self) -> None:
        self._levels_db: deque[float] = deque(maxlen=round(_ROOM_S / WINDOW_S))
        self._spoken_db: deque[float] = deque(maxlen=round(_VOICE_S / WINDOW_S))
        self._room_db: deque[float] = deque(maxlen=_ROOM_WINDOWS[1])
        self._last = 0.0
        self._power = 0.0

    def stands_out(self, window: bytes, speech: bool | None) -> bool:
        """Whether a window (s16le, 16 kHz) sounds. `speech`: what the detector says; None where it is not sure.

        Of what is speech the level is learned as the voice's, and of what is none and does not stand out, as the
        room's.
        """
        samples = np.frombuffer(window, "<i2").astype(np.float64) / 32768
        sharp = np.diff(samples, prepend=self._last) + (1 - _PRE_EMPHASIS) * np.append(self._last, samples[:-1])
        self._last = float(samples[-1])
        power = float(np.mean(np.square(sharp)))
        level_db = 10 * np.log10((power + self._power) / 2 + 1e-10)
        self._power = power
        self._levels_db.append(level_db)
        if speech:
            self._spoken_db.append(level_db)
        found = bool(level_db > self._least_db())
        if speech is False and not found:
            self._room_db.append(level_db)
        return found

    @property
    def is_noisy(self) -> bool:
        """Whether the room is so loud that what stands out from it may be the room's."""
        if len(self._spoken_db) < _FEWEST or len(self._room_db) < _ROOM_WINDOWS[0]:
            return False
        return bool(np.quantile(self._spoken_db, _LOUDEST) - self._loudest_of_room_db < _NOISY_DB)

    @property
    def _loudest_of_room_db(self) -> float:
        return float(np.quantile(self._room_db, _ROOM_LOUDEST))

    def _least_db(self) -> float:
        enough = len(self._spoken_db) >= _FEWEST
        loud_db = np.quantile(self._spoken_db, _LOUDEST) if enough else np.quantile(self._levels_db, _LOUDEST_OF_ALL)
        quiet_db = max(np.quantile(self._levels_db, _QUIETEST), loud_db - _MOST_RANGE_DB)
        if loud_db - quiet_db < _LEAST_RANGE_DB:
            return np.inf
        least_db = max(_LEAST_DB, float(quiet_db + _SHARE * (loud_db - quiet_db)))
        if len(self._room_db) < _ROOM_WINDOWS[0]:
            return least_db
        return max(least_db, self._loudest_of_room_db + _OVER_ROOM_DB)
