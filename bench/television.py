"""A television in the patient's room: for `samevoice bench nothing --television DIR`, and what gets through of it.

**Synthetic**, out of real recordings: speakers take turns with short gaps, over a bed of music or without one, with
music alone between scenes; then a small loudspeaker, a room, and the tablet's microphone across it. The room is a
shoebox by image sources (Allen and Berkley 1979), its walls equally hard at all frequencies. Nobody laughs, shouts or
sings in it, and nothing of broadcasting but an even level is imitated.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy.signal import fftconvolve

from bench import measure
from bench.nothing import band, coloured, recording, unit
from workers.contracts import RECOGNITION_RATE_HZ, Audio, SpokenError
from workers.hear.decode import decode

_Samples = NDArray[np.float64]
_Chance = np.random.Generator
_RATE = RECOGNITION_RATE_HZ

#: Root mean square below full scale at the tablet; somebody who speaks into it is at about −26 dB.
LEVEL_DB = (-44.0, -32.0)
_STRETCH_S = 20.0
#: A scene: how long, who speaks in it, the gap between two who do, and what of the scenes has music under them.
_SCENE_S, _SPEAKERS, _GAP_S, _WITH_MUSIC, _BED_DB = (15.0, 45.0), (1, 3), (0.1, 0.9), 0.6, (-22.0, -8.0)
_JINGLE_S = (3.0, 9.0)
#: What a flat set's loudspeaker leaves.
_LOUDSPEAKER_HZ = (180.0, 7000.0)
#: Metres: a room for two beds; and how much of a sound's amplitude its walls give back.
ROOM_M, _SET_M, _TABLET_M = (5.2, 4.1, 2.7), (0.3, 2.2, 1.5), (3.9, 1.4, 1.0)
_REFLECTED = 0.86
_TAIL_S, _SPEED_M_S = 0.6, 343.0


def television(speakers: Sequence[Path], music: Path, seconds: float, seed: int) -> Audio:
    """What the tablet hears of so many seconds. `speakers`: a folder of WAV files each, one person's.

    Raises SpokenError 'no_recordings'.
    """
    chance = np.random.default_rng([seed, 7])
    sound = programme([said(folder) for folder in speakers], music, seconds, chance)
    return Audio(_at_tablet(sound, chance), _RATE)


def programme(voices: Sequence[Sequence[_Samples]], music: Path, seconds: float, chance: _Chance) -> _Samples:
    """What the set plays, of unit power while somebody speaks."""
    count, place = round(seconds * _RATE), 0
    played = [recording(file) for file in sorted(music.glob("*.*"))]
    sound = np.zeros(count)
    while place < count:
        scene = _scene(voices, played, chance)[: count - place]
        sound[place : place + len(scene)] = scene
        place += len(scene)
        if played and place < count:
            jingle = 0.7 * _cut(played, round(chance.uniform(*_JINGLE_S) * _RATE), chance)[: count - place]
            sound[place : place + len(jingle)] = jingle
            place += len(jingle)
    return sound


def said(folder: Path) -> list[_Samples]:
    """A speaker's recordings at 16 kHz, at one level."""
    files = sorted(folder.glob("*.wav"))
    if not files:
        raise SpokenError("no_recordings", f"There are no WAV files in {folder}.")
    return [unit(measure.resample(decode(file).audio, _RATE).samples.astype(np.float64)) for file in files]


def shoebox(source_m: Sequence[float], heard_m: Sequence[float], reflected: float = _REFLECTED) -> _Samples:
    """(n,) impulse response at 16 kHz of `ROOM_M`, 1 at the straight way: Allen and Berkley's image sources.

    `reflected`: of the amplitude, at every wall. A delay is rounded to a sample.
    """
    most = [int(_TAIL_S * _SPEED_M_S / (2 * side)) + 1 for side in ROOM_M]
    axes = []
    for side, source, heard, reach in zip(ROOM_M, source_m, heard_m, most, strict=True):
        order = np.arange(-reach, reach + 1)
        mirrored = np.concatenate([2 * order * side + source, 2 * order * side - source])
        walls = np.concatenate([np.abs(2 * order), np.abs(2 * order - 1)])
        axes.append((mirrored - heard, walls))
    (x, nx), (y, ny), (z, nz) = axes
    away_m = np.sqrt(x[:, None, None] ** 2 + y[None, :, None] ** 2 + z[None, None, :] ** 2)
    walls = nx[:, None, None] + ny[None, :, None] + nz[None, None, :]
    delays = np.rint(away_m / _SPEED_M_S * _RATE).astype(int).ravel()
    gains = (reflected**walls / away_m).ravel()
    within = delays < round(_TAIL_S * _RATE)
    response = np.bincount(delays[within], gains[within])
    straight = np.flatnonzero(response)[0]
    return np.asarray(response[straight:] / response[straight])


def reverberation_s(response: _Samples) -> float:
    """How long a response takes to fall by 60 dB, by its fall from −5 to −25 dB (Schroeder 1965)."""
    left_db = 10 * np.log10(np.cumsum(response[::-1] ** 2)[::-1] / np.sum(response**2) + 1e-12)
    start, end = (int(np.argmax(left_db < level_db)) for level_db in (-5.0, -25.0))
    return 3.0 * (end - start) / _RATE


def _scene(voices: Sequence[Sequence[_Samples]], played: Sequence[_Samples], chance: _Chance) -> _Samples:
    count, place = round(chance.uniform(*_SCENE_S) * _RATE), 0
    speakers = chance.choice(len(voices), min(len(voices), int(chance.integers(*_SPEAKERS, endpoint=True))), False)
    sound = np.zeros(count)
    while place < count:
        voice = voices[int(chance.choice(speakers))]
        piece = voice[int(chance.integers(len(voice)))][: count - place]
        sound[place : place + len(piece)] = piece
        place += len(piece) + round(chance.uniform(*_GAP_S) * _RATE)
    if played and chance.random() < _WITH_MUSIC:
        sound = sound + _cut(played, count, chance) * 10 ** (chance.uniform(*_BED_DB) / 20)
    return sound


def _cut(played: Sequence[_Samples], count: int, chance: _Chance) -> _Samples:
    whole = played[int(chance.integers(len(played)))]
    start = int(chance.integers(max(1, len(whole) - count)))
    piece = whole[start : start + count]
    return np.pad(piece, (0, count - len(piece)))


def _at_tablet(sound: _Samples, chance: _Chance) -> NDArray[np.float32]:
    heard = fftconvolve(band(sound, *_LOUDSPEAKER_HZ), shoebox(_SET_M, _TABLET_M))[: len(sound)]
    heard = heard / float(np.sqrt(np.mean(heard**2)))
    gains_db = chance.uniform(*LEVEL_DB, int(len(sound) / _RATE / _STRETCH_S) + 2)
    times = np.arange(len(sound)) / _RATE / _STRETCH_S
    heard = heard * 10 ** (gains_db[times.astype(int)] / 20)
    room = unit(coloured(len(sound), 1.0, chance)) * 10 ** (-62.0 / 20)
    return np.asarray(np.clip(heard + room, -1.0, 1.0), np.float32)
