"""`samevoice bench nothing`: the words that are heard where nobody speaks. None are wanted.

Four sources: silence (digital, and very quiet rooms), noise (white, pink and brown), a ward, and music. The ward is
**synthetic**: a ventilator, a monitor's beeps and alarms (IEC 60601-1-8's bursts), footsteps, a trolley, an air
handler, and a murmur of many voices at once, each reversed, muffled and reverberant, so that there is no word to hear.
Nobody coughs or moans in it. The music is whatever recordings `--music` holds: Debian's asterisk-moh-opsound-g722 has
eighteen minutes without song.

Each is cut in two ways: as the tablet would find turns in it when it listens all the time ('free'), and in pieces of 2
to 12 s as when somebody holds the button and says nothing ('held'), which is the harder one.
"""

from __future__ import annotations

import json
import subprocess
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import click
import numpy as np
from numpy.typing import NDArray
from scipy.signal import butter, fftconvolve, sosfilt

from bench import lost, measure, two_cities
from clinic.live.loudness import Loudness
from clinic.live.turns import FREE, Turn
from clinic.live.voice_activity import Silero
from clinic.patients.tables import PAUSE_S
from samevoice.cli import quiet_libraries
from workers import models
from workers.contracts import RECOGNITION_RATE_HZ, Audio, SpokenError
from workers.hear.decode import decode
from workers.understand.confidence import SURE_AT
from workers.understand.recogniser import Recogniser

_Samples = NDArray[np.float64]

MUSIC = Path("/usr/share/asterisk/moh")
PIECE_S = (2.0, 12.0)
_RATE = RECOGNITION_RATE_HZ
#: Root mean square below full scale. Speech into a tablet is at about -26 dB; a ward is 10 to 20 dB under it.
_ROOM_DB, _NOISE_DB, _WARD_DB, _MUSIC_DB = (-75.0, -55.0), (-45.0, -20.0), (-46.0, -32.0), (-40.0, -22.0)
_STRETCH_S = 15.0  # so long a level stays
_VOICES = 9


@click.command()
@click.option(
    "--music", type=click.Path(path_type=Path, exists=True, file_okay=False), help=f"Recordings. [{MUSIC}, if there]"
)
@click.option(
    "--voices", type=click.Path(path_type=Path, exists=True, file_okay=False), help="WAVs for the ward's murmur."
)
@click.option(
    "--television", type=click.Path(path_type=Path, exists=True, file_okay=False), multiple=True,
    help="Instead of the four: a television that WAVs of one speaker each are heard from. May be repeated.",
)  # fmt: skip
@click.option(
    "--patient", type=click.Path(path_type=Path, exists=True, file_okay=False),
    help="With --television: WAVs of the patient, whom the speaker check knows.",
)  # fmt: skip
@click.option("--severity", default="moderate", show_default=True, help="How impaired the patient is (simulated).")
@click.option("--minutes", default=10.0, show_default=True, help="Of each source, at most.")
@click.option(
    "--speech", type=click.Path(path_type=Path, exists=True, file_okay=False), multiple=True,
    help="Instead: WAVs of one speaker, transcripts.tsv; how many utterances are taken for nothing. May be repeated.",
)  # fmt: skip
@click.option("--most", default=1000, show_default=True, help="Utterances of each speaker.")
@click.option("--seed", default=1, show_default=True, help="Another draw of everything.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object on standard output.")
def nothing(
    music: Path | None, voices: Path | None, television: Sequence[Path], patient: Path | None, severity: str,
    minutes: float, speech: Sequence[Path], most: int, seed: int, as_json: bool,
) -> None:  # fmt: skip
    """How many words are heard where nobody speaks; and how much speech is taken for nothing."""
    quiet_libraries()
    try:
        recogniser = Recogniser(models.path("whisper-base"))
        if speech:
            click.echo(
                json.dumps({folder.name: lost.run(recogniser, folder, seed, most) for folder in speech}, indent=2)
            )
            return
        if television:
            from bench import checked

            of = checked.patient_of(patient, severity, seed) if patient else None
            found = checked.run(recogniser, television, of, music or MUSIC, minutes * 60, seed)
        else:
            found = run(recogniser, music or MUSIC, voices, minutes * 60, seed)
    except SpokenError as error:
        raise click.ClickException(error.message) from error
    click.echo(json.dumps(found, indent=2) if as_json else _table(found))


def run(recogniser: Recogniser, music: Path, voices: Path | None, seconds: float, seed: int) -> dict[str, Any]:
    """Every source in both cuts. Sources that are not on this machine are left out, and are then not in the figures."""
    return {
        f"{name}, {cut}": heard_in(recogniser, pieces)
        for name, sound in sources(music, voices, seconds, seed).items()
        for cut, pieces in (("free", turns(sound)), ("held", held(sound, seed)))
    }


def heard_in(recogniser: Recogniser, pieces: Sequence[Audio]) -> dict[str, Any]:
    """Words a piece of nothing brings: those that would be spoken unasked, at the usual threshold and at none, and
    those that are offered on the screen (of the first reading)."""
    found = {"minutes": sum(piece.duration_s for piece in pieces) / 60, "pieces": len(pieces)}
    spoken = passed = shown = 0
    texts = []
    gates = Counter[str]()
    for piece in pieces:
        heard = recogniser.transcribe(piece, sure_at=0.0)
        gates[heard.gate or "open"] += 1
        words = len(heard.text.split())
        passed += words if heard.gate is None else 0
        spoken += words if heard.gate is None and heard.confidence >= SURE_AT else 0
        shown += len(heard.readings[0].text.split()) if heard.readings else 0
        if heard.readings:
            texts.append(heard.text)
    return {
        **found,
        "spoken": spoken,
        "spoken_at_any_confidence": passed,
        "shown": shown,
        "gates": gates,
        "texts": texts,
    }


def sources(music: Path, voices: Path | None, seconds: float, seed: int) -> Mapping[str, Audio]:
    """Name → sound, of at most so many seconds each."""
    chance = np.random.default_rng(seed)
    found = {
        "silence": Audio(_levelled(room(seconds, chance), _ROOM_DB, chance, digital=0.3), _RATE),
        "noise": Audio(_levelled(_noises(seconds, chance), _NOISE_DB, chance), _RATE),
        "ward": Audio(_levelled(ward(seconds, murmurers(voices), chance), _WARD_DB, chance), _RATE),
    }
    if played := [recording(file) for file in sorted(music.glob("*.*"))]:
        whole = np.concatenate(played)[: round(seconds * _RATE)]
        found["music"] = Audio(_levelled(whole, _MUSIC_DB, chance), _RATE)
    return found


def turns(sound: Audio) -> list[Audio]:
    """What the tablet would send on, listening all the time."""
    pcm = (np.clip(sound.samples, -1, 1) * 32767).astype("<i2").tobytes()
    detector, loudness, found = Silero(), Loudness(), []
    turn, step = Turn(FREE, PAUSE_S, detector, loudness), _RATE // 5 * 2
    for start in range(0, len(pcm), step):
        if ended := turn.feed(pcm[start : start + step]):
            found.append(ended.pcm)
            turn = Turn(FREE, PAUSE_S, detector, loudness)
    found.append(turn.so_far().pcm)
    return [Audio(np.frombuffer(one, "<i2").astype(np.float32) / np.float32(32768), _RATE) for one in found if one]


def held(sound: Audio, seed: int) -> list[Audio]:
    """The whole in pieces of `PIECE_S`."""
    chance, start, found = np.random.default_rng(seed), 0, []
    while start < len(sound.samples) - PIECE_S[0] * _RATE:
        length = round(chance.uniform(*PIECE_S) * _RATE)
        found.append(Audio(sound.samples[start : start + length], _RATE))
        start += length
    return found


def ward(seconds: float, murmurers: Sequence[_Samples], chance: np.random.Generator) -> _Samples:
    """A ward by night and by day, no word in it. About unit power."""
    count = round(seconds * _RATE)
    air = unit(band(coloured(count, 1.0, chance), None, 400))
    return (
        0.5 * air
        + 0.6 * _ventilator(count, chance)
        + 0.9 * _now_and_then(count, 40.0, 25.0, _monitor, chance)
        + 1.2 * _now_and_then(count, 75.0, 8.0, _alarm, chance)
        + 1.0 * _now_and_then(count, 25.0, 6.0, _footsteps, chance)
        + 1.1 * _now_and_then(count, 60.0, 7.0, _trolley, chance)
        + 0.9 * _murmur(count, murmurers, chance)
    )


def room(seconds: float, chance: np.random.Generator) -> _Samples:
    count = round(seconds * _RATE)
    hum = np.sin(2 * np.pi * 50 * np.arange(count) / _RATE) + 0.3 * np.sin(2 * np.pi * 150 * np.arange(count) / _RATE)
    return unit(coloured(count, 1.0, chance)) + 0.5 * unit(hum)


def _noises(seconds: float, chance: np.random.Generator) -> _Samples:
    count = round(seconds * _RATE / 3)
    return np.concatenate([unit(coloured(count, slope, chance)) for slope in (0.0, 1.0, 2.0)])


def _ventilator(count: int, chance: np.random.Generator) -> _Samples:
    """Breaths of a machine: in for 1.2 s, out for 1.8 s, a valve's click at each turn."""
    time_s = np.arange(count) / _RATE
    at = time_s % 4.0
    shape = np.where(at < 1.2, np.sin(np.pi * at / 1.2), 0.6 * np.exp(-(at - 1.2) / 0.5))
    breath = unit(band(chance.standard_normal(count), 150, 1200)) * shape
    for click_s in (0.0, 1.2):
        breath += np.exp(-((at - click_s) % 4.0) / 0.004) * np.sin(2 * np.pi * 900 * time_s)
    return unit(breath)


def _monitor(length: int, chance: np.random.Generator) -> _Samples:
    """A pulse oximeter, one beep a heartbeat, its pitch the saturation."""
    time_s = np.arange(length) / _RATE
    at = time_s % (60 / chance.uniform(55, 110))
    return _tone(chance.uniform(500, 1000), time_s) * (at < 0.09)


def _alarm(length: int, chance: np.random.Generator) -> _Samples:
    """High priority: pulses in threes and twos; medium: in threes."""
    time_s, sound = np.arange(length) / _RATE, np.zeros(length)
    starts = [0.0, 0.25, 0.5, 1.1, 1.35] if chance.random() < 0.5 else [0.0, 0.4, 0.8]
    notes = chance.choice([523.0, 587.0, 659.0, 698.0, 784.0, 988.0], len(starts))
    for burst_s in np.arange(0, length / _RATE, 2.5):
        for start_s, note in zip(starts, notes, strict=True):
            at = time_s - burst_s - start_s
            sound += _tone(float(note), time_s) * ((at >= 0) & (at < 0.17))
    return sound


def _footsteps(length: int, chance: np.random.Generator) -> _Samples:
    """Coming, and going."""
    sound, step = np.zeros(length), round(chance.uniform(0.45, 0.65) * _RATE)
    for start in range(0, length - step, step):
        thud = np.exp(-np.arange(step) / _RATE / 0.03) * chance.standard_normal(step)
        sound[start : start + step] += thud * chance.uniform(0.6, 1.0)
    return np.asarray(band(sound, 60, 900) * np.hanning(length))


def _trolley(length: int, chance: np.random.Generator) -> _Samples:
    """Wheels over tiles, with a rattle."""
    rattle = band(chance.standard_normal(length), 1200, 6000)
    jolts = fftconvolve((chance.random(length) < 14 / _RATE) * 1.0, np.exp(-np.arange(3200) / 640))[:length]
    wheels = 0.2 * unit(band(chance.standard_normal(length), 60, 300))
    return np.asarray((wheels + rattle * jolts) * np.hanning(length))


def _murmur(count: int, murmurers: Sequence[_Samples], chance: np.random.Generator) -> _Samples:
    """Many at once, out of the corridor: reversed, muffled, in a long reverberation, some louder than others."""
    mixed = np.zeros(count)
    for _ in range(_VOICES):
        place, gain = 0, chance.uniform(0.3, 1.0)
        while place < count:
            voice = murmurers[int(chance.integers(len(murmurers)))][::-1][: count - place]
            mixed[place : place + len(voice)] += gain * voice
            place += len(voice) + round(chance.exponential(1.0) * _RATE)
    tail = chance.standard_normal(_RATE) * np.exp(-np.arange(_RATE) / (0.12 * _RATE))
    return unit(band(fftconvolve(mixed, tail)[:count], None, 1500))


def _now_and_then(
    count: int, every_s: float, for_s: float, make: Callable[[int, np.random.Generator], _Samples],
    chance: np.random.Generator,
) -> _Samples:  # fmt: skip
    sound, place = np.zeros(count), round(chance.exponential(every_s / 2) * _RATE)
    while place < count:
        length = min(count - place, round(chance.uniform(0.5, 1.5) * for_s * _RATE))
        if length > _RATE:
            sound[place : place + length] += unit(make(length, chance)) * chance.uniform(0.4, 1.0)
        place += length + round(chance.exponential(every_s) * _RATE)
    return sound


def murmurers(folder: Path | None) -> list[_Samples]:
    if folder is None:
        sounds = [clip.audio for clip in two_cities.enrolment()]
    else:
        sounds = [decode(file).audio for file in sorted(folder.glob("*.wav"))]
    if not sounds:
        raise SpokenError("no_recordings", f"There are no WAV files in {folder}.")
    return [unit(measure.resample(sound, _RATE).samples.astype(np.float64)) for sound in sounds]


def recording(file: Path) -> _Samples:
    kind = ["-f", "g722"] if file.suffix == ".g722" else []
    command = [
        "ffmpeg",
        "-loglevel",
        "error",
        *kind,
        "-i",
        str(file),
        "-ac",
        "1",
        "-ar",
        str(_RATE),
        "-f",
        "f32le",
        "-",
    ]
    done = subprocess.run(command, check=False, capture_output=True)
    if done.returncode:
        raise SpokenError("unreadable_music", f"{file.name} cannot be read as music. Take it out of {file.parent}.")
    return unit(np.frombuffer(done.stdout, "<f4").astype(np.float64))


def _levelled(
    sound: _Samples, range_db: tuple[float, float], chance: np.random.Generator, digital: float = 0.0
) -> NDArray[np.float32]:
    """`sound`, of unit power, at another level in every stretch; in a share of them there is nothing at all."""
    gains_db = chance.uniform(*range_db, int(len(sound) / _RATE / _STRETCH_S) + 2)
    gains = 10 ** (gains_db / 20) * (chance.random(len(gains_db)) >= digital)
    times = np.arange(len(sound)) / _RATE / _STRETCH_S
    steady = np.interp(times, np.arange(len(gains)), gains) if not digital else gains[times.astype(int)]
    return np.clip(sound * steady, -1.0, 1.0).astype(np.float32)


def coloured(count: int, slope: float, chance: np.random.Generator) -> _Samples:
    """Noise whose power falls with frequency to the power of `slope`, from 30 Hz on."""
    spectrum = np.fft.rfft(chance.standard_normal(count))
    hz = np.maximum(np.fft.rfftfreq(count, 1 / _RATE), 30.0)
    return np.asarray(np.fft.irfft(spectrum / hz ** (slope / 2), n=count))


def band(sound: _Samples, low_hz: float | None, high_hz: float | None) -> _Samples:
    edges = [hz for hz in (low_hz, high_hz) if hz is not None]
    kind = "band" if len(edges) == 2 else "low" if low_hz is None else "high"
    return np.asarray(sosfilt(butter(2, edges if len(edges) == 2 else edges[0], kind, fs=_RATE, output="sos"), sound))


def _tone(hz: float, time_s: _Samples) -> _Samples:
    return np.asarray(sum(np.sin(2 * np.pi * hz * n * time_s) / n**1.5 for n in (1, 2, 3)))


def unit(sound: _Samples) -> _Samples:
    return sound / max(float(np.sqrt(np.mean(sound**2))), 1e-9)


def _table(found: Mapping[str, Any]) -> str:
    return "\n".join(
        f"{name}: {one['minutes']:.1f} min, {one['pieces']} pieces; words spoken {one['spoken']} "
        f"(at any confidence {one['spoken_at_any_confidence']}), shown {one['shown']}"
        for name, one in found.items()
    )
