"""The sounds that the speech head learns from: near speech, impaired in many ways, and what is no near speech.

People's voices and all music and effects come out of Debian's packages, unpacked into one folder (`PACKAGES`; nothing
of them is in this tree); Kokoro's public voices are added by `bench.build_speech_head`. No recording that `bench`
measures on is among them. Impairment is **simulated**: draws around `bench.impair`'s recipes, wider than these, and
whispering, hoarseness, other pitches and tracts, rooms, distance and noise besides.
"""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter1d
from scipy.signal import fftconvolve

from bench import impair, nothing, takes
from workers.contracts import RECOGNITION_RATE_HZ, Audio

_Samples = NDArray[np.float64]
_Chance = np.random.Generator
_RATE = RECOGNITION_RATE_HZ

#: Package → what its sounds are. Speech: words for children in 26 languages, letters and syllables in 20, telephone
#: prompts, dialogues of a game.
PACKAGES = {
    "ktuberling-data": "speech",
    "klettres-data": "speech",
    "asterisk-core-sounds-it-g722": "speech",
    "asterisk-core-sounds-ru-g722": "speech",
    "asterisk-prompt-it-menardi-wav": "speech",
    "asterisk-prompt-fr-armelle": "speech",
    "asterisk-prompt-es-co": "speech",
    "fillets-ng-data-cs": "speech",
    "fillets-ng-data-nl": "speech",
    "kokoro": "speech",
    "asc-music": "music",
    "extremetuxracer-data": "music",
    "frozen-bubble-data": "music",
    "hyperrogue-music": "music",
    "supertux-data": "music",
    "warzone2100-music": "music",
    "lincity-ng-data": "effects",
    "lomiri-sounds": "effects",
    "neverball-data": "effects",
    "oxygen-sounds": "effects",
    "sound-icons": "effects",
}
_SUFFIXES = (".ogg", ".opus", ".wav", ".mp3", ".gsm", ".g722")
_UNUSED = ("/speech/", "/sounds/grunts", "/silence/", "/sr@")  # SuperTux speaks; silence; one speaker twice
_SHORTEST_S, _LONGEST_S = 0.2, 3.0
_MOST_S = 12.0
_PIECES = 4
_LEVEL_DB = (-58.0, -18.0)


@dataclass(frozen=True)
class Drawn:
    """One sound at 16 kHz. kind: how it was made; group: whose voice or which package."""

    audio: Audio
    near: bool
    kind: str
    group: str


class Sounds:
    """Draws by number: the same number, the same sound. `held_out`: whether of the groups kept for validation."""

    def __init__(self, folder: Path) -> None:
        """`folder`: a folder for each package, unpacked."""
        self._groups: dict[str, dict[str, list[Path]]] = {}
        for package, kind in PACKAGES.items():
            for file in sorted((folder / package).rglob("*")):
                if file.is_file() and file.suffix in _SUFFIXES and not any(part in str(file) for part in _UNUSED):
                    group = f"{package}/{_speaker(package, file)}"
                    self._groups.setdefault(kind, {}).setdefault(group, []).append(file)

    def voices(self, most: int, chance: _Chance) -> Iterator[tuple[str, list[_Samples]]]:
        """Every voice's name and at most so many of its recordings, trimmed, of at most 3 s, in any order."""
        for name, files in sorted(self._groups["speech"].items()):
            chosen = chance.permutation(len(files))[:most]
            yield name, [_trimmed(_decoded(files[place]))[: round(_LONGEST_S * _RATE)] for place in chosen]

    def draw(self, number: int, *, near: bool, held_out: bool) -> list[Drawn]:
        """Number's sounds, a few of one voice, or of one source."""
        chance = np.random.default_rng([number, near, held_out])
        return self._near(chance, held_out) if near else self._other(chance, held_out)

    def _near(self, chance: _Chance, held_out: bool) -> list[Drawn]:
        group, voice = self._voice(chance, held_out)
        found = []
        for kind, said in _impaired(voice, chance):
            if chance.random() < 0.3:
                said = _in_room(said, chance, rt_s=chance.uniform(0.1, 0.5), direct=chance.uniform(1.0, 4.0))
            before, after = chance.uniform(0.0, 1.0 if chance.random() < 0.7 else 4.0, 2)
            loud = _loudness(said)
            said = np.pad(said, (round(before * _RATE), round(after * _RATE)))[: round(_MOST_S * _RATE)] / loud
            around, snr_db = "", chance.uniform(20.0, 50.0)
            noise = nothing.room(len(said) / _RATE + 1, chance)[: len(said)]
            if chance.random() < 0.55:
                around, noise = self._surroundings(len(said), chance, held_out)
                snr_db = chance.uniform(5.0 if around == "murmur" else 0.0, 25.0)
            said = said + noise * 10 ** (-snr_db / 20)
            found.append(_made(said * 10 ** (chance.uniform(*_LEVEL_DB) / 20), True, f"{kind} {around}".strip(), group))
        return found

    def _other(self, chance: _Chance, held_out: bool) -> list[Drawn]:
        counts = [round(chance.uniform(2.0, _MOST_S) * _RATE) for _ in range(_PIECES)]
        kind, sound = self._surroundings(sum(counts), chance, held_out)
        if chance.random() < 0.3:
            _, second = self._surroundings(sum(counts), chance, held_out)
            sound = nothing.unit(sound + second * 10 ** (-chance.uniform(0, 20) / 20))
        found = []
        for piece in np.split(sound, np.cumsum(counts)[:-1]):
            if chance.random() < 0.2:
                piece = nothing.band(piece, chance.uniform(50, 400), chance.uniform(1500, 7000))
            gain = 10 ** (chance.uniform(-60.0, -18.0) / 20)
            found.append(_made(nothing.unit(piece) * gain, False, kind, kind))
        return found

    def _surroundings(self, count: int, chance: _Chance, held_out: bool) -> tuple[str, _Samples]:
        kind = str(
            chance.choice(["room", "noise", "ward", "murmur", "music", "effects"], p=[0.06, 0.16, 0.2, 0.2, 0.25, 0.13])
        )
        if kind == "room":
            return kind, nothing.room(count / _RATE + 1, chance)[:count]
        if kind == "noise":
            return kind, _noise(count, chance)
        if kind == "ward":
            return kind, nothing.unit(
                nothing.ward(count / _RATE + 1, self._murmurers(chance, held_out), chance)[:count]
            )
        if kind == "murmur":
            return kind, _murmur(count, self._murmurers(chance, held_out), chance)
        return kind, self._recorded(kind, count, chance, held_out)

    def _recorded(self, kind: str, count: int, chance: _Chance, held_out: bool) -> _Samples:
        """Pieces of up to 10 s, one after the other."""
        sound, place = np.zeros(count), 0
        while place < count:
            whole = _decoded(self._file(kind, chance, held_out)[1])
            if not len(whole):
                continue
            most = min(count - place, round(chance.uniform(2.0, 10.0) * _RATE))
            start = int(chance.integers(max(1, len(whole) - most)))
            piece = nothing.unit(whole[start : start + most])
            sound[place : place + len(piece)] = piece * chance.uniform(0.3, 1.0)
            place += len(piece) + round(chance.exponential(0.3) * _RATE) + 1
        return nothing.unit(sound)

    def _murmurers(self, chance: _Chance, held_out: bool) -> list[_Samples]:
        return [nothing.unit(self._voice(chance, held_out)[1]) for _ in range(12)]

    def _voice(self, chance: _Chance, held_out: bool) -> tuple[str, _Samples]:
        while True:
            group, file = self._file("speech", chance, held_out)
            voice = _trimmed(_decoded(file))[: round(_LONGEST_S * _RATE)]
            if len(voice) > _SHORTEST_S * _RATE:
                return group, voice

    def _file(self, kind: str, chance: _Chance, held_out: bool) -> tuple[str, Path]:
        groups = [name for place, name in enumerate(self._groups[kind]) if (place % 5 == 2) == held_out]
        group = groups[int(chance.integers(len(groups)))]
        files = self._groups[kind][group]
        return group, files[int(chance.integers(len(files)))]


def _speaker(package: str, file: Path) -> str:
    """Whose voice, as well as the names tell: most packages have one a language. Of music and effects: the file."""
    if PACKAGES[package] != "speech":
        return file.stem
    if package == "klettres-data":
        return file.parent.parent.name
    if package.startswith("fillets"):
        return next((fish for fish in ("m", "v") if f"-{fish}-" in file.stem), "others")
    return "one" if package.startswith("asterisk") else file.parent.name


def _impaired(voice: _Samples, chance: _Chance) -> list[tuple[str, _Samples]]:
    """(how, sound): as it is, by a recipe of `bench.impair`, and twice by a recipe of its own."""
    parts = impair.take_apart(Audio(voice.astype(np.float32), _RATE))
    severity = str(chance.choice(["mild", "moderate", "severe", "severe"]))
    of_recipe = takes.take(parts, severity, int(chance.integers(2**31))).samples.astype(np.float64)
    own = [
        _moved(parts, str(chance.choice(["wide", "whispered", "hoarse"], p=[0.6, 0.2, 0.2])), chance) for _ in range(2)
    ]
    return [("clear", voice), (severity, of_recipe), *own]


def _moved(parts: impair.Parts, kind: str, chance: _Chance) -> tuple[str, _Samples]:
    moved = replace(
        parts,
        f0=parts.f0 * np.exp(chance.uniform(-0.5, 0.5)),
        envelope=takes.longer_tract(parts.envelope, float(np.exp(chance.uniform(-0.2, 0.2)))),
    )
    if kind == "whispered":
        moved = replace(moved, f0=np.zeros_like(moved.f0), aperiodicity=np.ones_like(moved.aperiodicity))
    if kind == "hoarse":
        rough = np.exp(0.08 * chance.standard_normal(len(moved.f0)))
        noisy = gaussian_filter1d(chance.uniform(0, 1, len(moved.f0)), 3.0)[:, None] * chance.uniform(0.5, 1.6)
        moved = replace(moved, f0=moved.f0 * rough, aperiodicity=np.clip(moved.aperiodicity + noisy, 0, 1))
    recipe = impair.Recipe(
        slowing=chance.uniform(0.8, 2.6),
        slowing_spread=chance.uniform(0.0, 0.35),
        pitch_range=chance.uniform(0.1, 1.3),
        smear_hz=chance.uniform(0.0, 320.0),
        smear_s=chance.uniform(0.0, 0.05),
        centralise=chance.uniform(0.0, 0.5),
        pauses_per_s=chance.choice([0.0, chance.uniform(0.0, 0.9)]),
        pause_s=chance.uniform(0.2, 0.7),
        pause_inside_words=chance.uniform(0.0, 0.6),
        breath=chance.uniform(0.0, 0.6),
        decay_db_s=chance.uniform(-1.5, 0.0),
    )
    return kind, impair.put_together(moved, recipe, int(chance.integers(2**31))).samples.astype(np.float64)


def _noise(count: int, chance: _Chance) -> _Samples:
    """Of any colour, steady or swelling, whole or a band of it."""
    sound = nothing.unit(nothing.coloured(count, chance.uniform(-0.5, 2.5), chance))
    if chance.random() < 0.5:
        low_hz = float(np.exp(chance.uniform(np.log(60), np.log(3000))))
        sound = nothing.band(sound, low_hz, min(7500.0, low_hz * chance.uniform(1.5, 8.0)))
    if chance.random() < 0.5:
        swell = gaussian_filter1d(chance.standard_normal(count // 160 + 2), chance.uniform(3, 100), mode="reflect")
        swell = np.exp(chance.uniform(0.2, 1.5) * (swell - swell.mean()) / (swell.std() + 1e-9))
        sound = sound * np.interp(np.arange(count) / 160, np.arange(len(swell)), swell)
    return nothing.unit(sound)


def _murmur(count: int, voices: list[_Samples], chance: _Chance) -> _Samples:
    """Voices from elsewhere, reversed, muffled and reverberant: three to twelve, or one through a wall."""
    through_wall = chance.random() < 0.2
    voices = voices[: 1 if through_wall else int(chance.integers(3, 13))]
    mixed = np.zeros(count)
    for voice in voices:
        place, gain = -int(chance.integers(_RATE)), chance.uniform(0.3, 1.0)
        while place < count:
            piece = voice[::-1][max(0, -place) : count - place]
            start = max(0, place)
            mixed[start : start + len(piece)] += gain * piece
            place += len(voice) + round(chance.exponential(1.0) * _RATE)
    mixed = _in_room(mixed, chance, rt_s=chance.uniform(0.5, 2.0), direct=0.0)[:count]
    highest_hz = chance.uniform(300, 700) if through_wall else chance.uniform(600, 3500)
    return nothing.unit(nothing.band(mixed, None, highest_hz))


def _in_room(sound: _Samples, chance: _Chance, *, rt_s: float, direct: float) -> _Samples:
    """`sound` with a diffuse tail that falls by 60 dB in `rt_s`; `direct`: the straight way's share of it."""
    count = max(2, round(rt_s * _RATE))
    tail = chance.standard_normal(count) * 10 ** (-3 * np.arange(count) / count)
    tail /= np.sqrt(np.sum(tail**2))
    tail[0] += direct
    return np.asarray(fftconvolve(sound, tail))


def _loudness(sound: _Samples) -> float:
    """Root mean square of the louder half: of speech, not of the silence around it."""
    return max(float(np.sqrt(np.mean(sound[np.abs(sound) >= np.median(np.abs(sound))] ** 2))), 1e-9)


def _trimmed(sound: _Samples) -> _Samples:
    """Without what lies 40 dB under the loudest at both ends, less 50 ms."""
    loud = np.flatnonzero(np.abs(sound) > 0.01 * np.abs(sound).max(initial=1e-9))
    slack = _RATE // 20
    return sound[max(0, loud[0] - slack) : loud[-1] + slack] if len(loud) else sound[:0]


def _made(sound: _Samples, near: bool, kind: str, group: str) -> Drawn:
    """As the tablet would send it: 16 bits."""
    samples = np.rint(np.clip(sound, -1, 1) * 32767).astype(np.float32) / np.float32(32768)
    return Drawn(Audio(samples, _RATE), near, kind, group)


@lru_cache(maxsize=300)
def _decoded(file: Path) -> _Samples:
    """(samples,) at 16 kHz of at most one minute; none of a file that is damaged."""
    kind = ["-f", file.suffix[1:]] if file.suffix in (".g722", ".gsm") else []
    command = ["ffmpeg", "-loglevel", "error", "-t", "60", *kind, "-i", str(file)]
    command += ["-ac", "1", "-ar", str(_RATE), "-f", "f32le", "-"]
    done = subprocess.run(command, check=False, capture_output=True)
    return np.frombuffer(done.stdout, "<f4").astype(np.float64)
