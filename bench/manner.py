"""How closely restored speech goes as it was said: `python -m bench.manner --json [--recordings DIR] [--most N]`.

Without a folder: all 18 clauses of the human reading. DIR holds one speaker's WAV files and transcripts.tsv (file, tab,
text); a third of them is enrolled. A quick voice of the same speaker says every text flat, then with the manner of the
recording at full strength; then with the manner of *simulated* impaired versions (`bench.impair`), freed by a baseline
of them. Source and restored are laid over each other at the onset of speech (moved by 0.1 s at most, not stretched);
impaired ones, whose timing is not to be carried over, by dynamic time warping onto the unimpaired original. F0 is
librosa's pYIN, which steers nothing here; energy is RMS in 25 ms, no lower than 30 dB under the loud.
"""

from __future__ import annotations

import argparse
import json
import math
import statistics
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import librosa
import numpy as np
import soundfile
import torch

from bench import impair, measure, two_cities
from workers import models
from workers.contracts import Audio, Baseline, Clip, FloatArray, Manner, Prosody, Transcript, Voice
from workers.feel import baseline, distress, manner, prosody
from workers.speak.acoustics import Acoustics
from workers.speak.engine import Engine
from workers.speak.follow import Follower
from workers.speak.kokoro import KokoroEngine
from workers.speak.phone_sounds import FRAME_S, cepstra_of, stacked
from workers.understand.recogniser import Recogniser

RATE_HZ = 16_000
_EDGE = _SLACK = 8  # frames of 12.5 ms
_FLOOR_DB, _ONSET_DB, _SPEECH_DB = 30.0, 15.0, 22.0


@dataclass(frozen=True)
class Heard:
    """An utterance as the live path sees it."""

    text: str
    audio: Audio
    transcript: Transcript
    prosody: Prosody


@dataclass(frozen=True)
class Curves:
    """f0_hz (frames,), 0 where unvoiced; energy_db (frames,); samples at 16 kHz."""

    samples: FloatArray
    f0_hz: FloatArray
    energy_db: FloatArray


def main() -> None:
    """Fit, say, compare, print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", action="store_true", help="one JSON object (the only form there is)")
    parser.add_argument("--recordings", type=Path, default=None, help="folder with WAV files and transcripts.tsv")
    parser.add_argument("--most", type=int, default=1000, help="say at most so many, evenly drawn")
    parser.add_argument("--budget", type=float, default=60.0, help="seconds for the search of the voice")
    asked = parser.parse_args()
    enrolled, judged = _reading() if asked.recordings is None else _folder(asked.recordings)
    print(json.dumps(_figures(enrolled, judged, asked.most, asked.budget), indent=2))  # noqa: T201


def _reading() -> tuple[Sequence[Clip], Sequence[Clip]]:
    return two_cities.enrolment(), (*two_cities.enrolment(), *two_cities.held_out())


def _folder(folder: Path) -> tuple[Sequence[Clip], Sequence[Clip]]:
    clips = []
    for line in (folder / "transcripts.tsv").read_text(encoding="utf-8").splitlines():
        name, text = line.split("\t")
        samples, rate_hz = soundfile.read(folder / name, dtype="float32")
        clips.append(Clip(Audio(samples, rate_hz), text))
    return clips[::3], [clip for place, clip in enumerate(clips) if place % 3]


def _figures(enrolled: Sequence[Clip], judged: Sequence[Clip], most: int, budget_s: float) -> dict[str, Any]:
    engine, recogniser = KokoroEngine(), Recogniser(models.path("whisper-base"))
    voice = engine.fit(enrolled, budget_s=budget_s)
    voice = replace(voice, measures={**voice.measures, **manner.of_historic(enrolled)})
    clear = [heard(recogniser, clip.text, measure.resample(clip.audio, RATE_HZ)) for clip in judged]
    usual = usual_of(clear)
    chosen = range(0, len(clear), max(1, math.ceil(len(clear) / most)))
    sources = {place: curves(clear[place].audio) for place in chosen}

    flat = {place: spoken(engine, clear[place].text, voice, None) for place in chosen}
    full = {place: spoken(engine, clear[place].text, voice, manner_of(clear[place], usual, voice)) for place in chosen}
    close = [together(sources[place], curves(full[place])) for place in chosen]
    apart = [together(sources[place], curves(flat[place])) for place in chosen]
    texts = [clear[place].text for place in chosen]
    figures: dict[str, Any] = {
        "utterances": len(texts),
        "f0_correlation": _median(f0 for f0, _ in close),
        "f0_correlation_mean": _mean(f0 for f0, _ in close),
        "f0_correlation_flat": _median(f0 for f0, _ in apart),
        "f0_correlation_flat_mean": _mean(f0 for f0, _ in apart),
        "energy_correlation": _median(energy for _, energy in close),
        "energy_correlation_flat": _median(energy for _, energy in apart),
        "wer": measure.word_error_rate(texts, [recogniser.transcribe(sound).text for sound in full.values()]),
        "wer_flat": measure.word_error_rate(texts, [recogniser.transcribe(sound).text for sound in flat.values()]),
        "dnsmos": _mean(measure.opinion_score(sound) for sound in full.values()),
        "dnsmos_flat": _mean(measure.opinion_score(sound) for sound in flat.values()),
        **_distress([clear[place] for place in chosen], list(full.values()), list(flat.values()), usual),
        "alignment_s": _alignment_s([clear[place] for place in chosen], usual, voice),
    }
    print(json.dumps(figures), file=sys.stderr)  # noqa: T201
    for severity in ("mild", "moderate"):
        figures |= _impaired(engine, recogniser, voice, clear, sources, severity)
    return figures


def _impaired(
    engine: KokoroEngine,
    recogniser: Recogniser,
    voice: Voice,
    clear: Sequence[Heard],
    sources: dict[int, Curves],
    severity: str,
) -> dict[str, Any]:
    """F0 of restored simulated speech against the unimpaired original; the text is what the patient confirmed."""
    said = [heard(recogniser, one.text, impair.impair(one.audio, severity, place)) for place, one in enumerate(clear)]
    usual = usual_of(said)
    agreed = []
    for place, source in sources.items():
        restored = spoken(engine, said[place].text, voice, manner_of(said[place], usual, voice))
        agreed.append(warped(source, curves(restored)))
    return {
        f"f0_correlation_simulated_{severity}": _median(agreed),
        f"f0_correlation_simulated_{severity}_mean": _mean(agreed),
    }


def manner_of(said: Heard, usual: Baseline, voice: Voice, strength: float = 1.0) -> Manner:
    """The manner that the live path would give this utterance."""
    carried = manner.carry_over(said.prosody, usual, voice.measures, strength=strength)
    performance = manner.perform(
        said.prosody, said.audio, said.transcript.words, usual, voice.measures, strength=strength
    )
    return replace(carried, performance=performance)


def heard(recogniser: Recogniser, text: str, audio: Audio) -> Heard:
    transcript = recogniser.transcribe(audio, sure_at=0.0)
    return Heard(text, audio, transcript, prosody.measure(audio, transcript.words))


def usual_of(said: Sequence[Heard]) -> Baseline:
    return baseline.build([baseline.features(one.prosody) for one in said])


def spoken(engine: Engine, text: str, voice: Voice, how: Manner | None) -> Audio:
    return measure.joined([speech.audio for speech in engine.say(text, voice, how)])


def curves(audio: Audio) -> Curves:
    """Pitch and loudness every 12.5 ms."""
    samples = measure.resample(audio, RATE_HZ).samples
    hop = round(FRAME_S * RATE_HZ)
    f0_hz, _, _ = librosa.pyin(samples, fmin=60, fmax=450, sr=RATE_HZ, frame_length=1024, hop_length=hop)
    power = np.convolve(samples**2, np.full(400, 1 / 400), "same")[::hop]
    frames = min(len(f0_hz), len(power))
    energy_db = 10 * np.log10(power[:frames] + 1e-10)
    floor = np.percentile(energy_db, 95) - _FLOOR_DB
    return Curves(samples, np.nan_to_num(f0_hz[:frames]), np.maximum(energy_db, floor))


def together(source: Curves, restored: Curves) -> tuple[float, float]:
    """Correlations of log F0 (where both are voiced) and of energy, laid together at the onset of speech."""
    first, last = _speech(source.energy_db)
    places = np.arange(max(0, first - _EDGE), min(len(source.f0_hz), last + _EDGE))
    lag = _onset(restored.energy_db) - _onset(source.energy_db)
    at = [places + lag + moved for moved in range(-_SLACK, _SLACK + 1)]
    energies = [_at(restored.energy_db, one, restored.energy_db.min()) for one in at]
    agreed = [_correlation(source.energy_db[places], energy) for energy in energies]
    best = int(np.argmax(agreed))
    return _f0_correlation(source.f0_hz[places], _at(restored.f0_hz, at[best], 0.0)), agreed[best]


def warped(source: Curves, restored: Curves) -> float:
    """Correlation of log F0 where both are voiced, the restored warped onto the source by its cepstra."""
    features = [stacked(cepstra_of(one.samples)[0]).T for one in (source, restored)]
    steps = np.array([[1, 1], [1, 2], [2, 1], [1, 3], [3, 1]])
    _, path = librosa.sequence.dtw(
        *features, step_sizes_sigma=steps, weights_mul=np.array([1, 1.5, 1.5, 2, 2]), weights_add=np.zeros(5)
    )
    path = path[::-1]
    places = np.arange(min(len(source.f0_hz), features[0].shape[1]))
    at = np.round(np.interp(places, path[:, 0], path[:, 1])).astype(int)
    return _f0_correlation(source.f0_hz[places], _at(restored.f0_hz, at, 0.0))


def _speech(energy_db: FloatArray) -> tuple[int, int]:
    loud = np.flatnonzero(energy_db > np.percentile(energy_db, 95) - _SPEECH_DB)
    return int(loud[0]), int(loud[-1]) + 1


def _onset(energy_db: FloatArray) -> int:
    return int(np.flatnonzero(energy_db > np.percentile(energy_db, 95) - _ONSET_DB)[0])


def _at(curve: FloatArray, places: Any, outside: float) -> FloatArray:
    inside = (places >= 0) & (places < len(curve))
    return np.where(inside, curve[np.clip(places, 0, len(curve) - 1)], outside)


def _f0_correlation(one: FloatArray, other: FloatArray) -> float:
    both = (one > 0) & (other > 0)
    return _correlation(np.log(one[both]), np.log(other[both])) if both.sum() >= 10 else float("nan")


def _correlation(one: FloatArray, other: FloatArray) -> float:
    return float(np.corrcoef(one, other)[0, 1])


def _distress(
    clear: Sequence[Heard], full: Sequence[Audio], flat: Sequence[Audio], usual: Baseline
) -> dict[str, float]:
    """Mean absolute difference of the distress reading, restored against source, and flat against source.

    The source is read against the speaker's usual; both restorations against that of the flat voice, which is its own.
    """
    measured_flat = [_remeasured(sound, one) for sound, one in zip(flat, clear, strict=True)]
    own = baseline.build([baseline.features(one) for one in measured_flat])
    source = [distress.score(one.prosody, one.transcript, usual).distress.value for one in clear]
    kept = [
        distress.score(_remeasured(sound, one), one.transcript, own).distress.value
        for sound, one in zip(full, clear, strict=True)
    ]
    plain = [
        distress.score(measured, one.transcript, own).distress.value
        for measured, one in zip(measured_flat, clear, strict=True)
    ]
    return {
        "distress_difference": _mean(abs(a - b) for a, b in zip(source, kept, strict=True)),
        "distress_difference_flat": _mean(abs(a - b) for a, b in zip(source, plain, strict=True)),
    }


def _remeasured(sound: Audio, said: Heard) -> Prosody:
    """Prosody of restored sound, whose words are those of the utterance, spread over its own length."""
    factor = sound.duration_s / said.audio.duration_s
    words = [replace(word, start_s=0.0, end_s=word.end_s * factor) for word in said.transcript.words]
    if words:
        words[-1] = replace(words[-1], end_s=sound.duration_s)
    return prosody.measure(measure.resample(sound, RATE_HZ), words)


def _alignment_s(clear: Sequence[Heard], usual: Baseline, voice: Voice) -> float:
    """Median seconds that following costs before the first sound, over a whole text in one piece."""
    acoustics = Acoustics()
    name = acoustics.space.names[0]
    spent = []
    for one in clear:
        performance = manner_of(one, usual, voice).performance
        phones = acoustics.phones(one.text)
        if performance is None:
            continue
        style = torch.from_numpy(acoustics.space.style(name, len(phones)))[None]
        frames = acoustics.frames(phones, style)
        begun = time.monotonic()
        Follower(acoustics, performance, [one.text]).course(0, phones, frames)
        spent.append(time.monotonic() - begun)
    return statistics.median(spent) if spent else float("nan")


def _median(values: Any) -> float:
    return float(np.nanmedian(list(values)))


def _mean(values: Any) -> float:
    return float(np.nanmean(list(values)))


if __name__ == "__main__":
    main()
