"""Pitch, pace and loudness of a patient's historic speech, and what of them the style does not bring by itself."""

from __future__ import annotations

import math
import statistics
from collections.abc import Callable, Sequence

import numpy as np
import parselmouth
import torch

from workers import bandwidth
from workers.activity import speech_spans
from workers.contracts import SPEECH_RATE_HZ, Audio, Clip, FloatArray
from workers.speak.acoustics import VOICED_HZ, Acoustics
from workers.speak.encoders import at_16k, without_silence
from workers.speak.level import TARGET_LUFS, loudness_lufs
from workers.speak.phones import syllables

#: Two ordinary sentences, said once in the new voice to see what it does by itself.
PROBES = ("Good morning. I slept well, and I am ready for breakfast.", "My sister is coming to see me on Sunday.")

#: Of the histogram of the logarithm of F0, and how many of them count as one.
_BINS, _BINS_TOGETHER = 60, 9


def of_voice(
    acoustics: Acoustics, style: torch.Tensor, clips: Sequence[Clip], moved: torch.Tensor | None = None
) -> dict[str, float]:
    """What `say` sets beyond the style, and figures worth showing.

    f0_median_hz, rate_syllables_s: the patient's. f0_ratio, f0_movement, pace: factors that bring the style's own
    pitch, pitch movement (log scale) and rate to theirs. gain_db: to the target loudness. `moved`: the voice's
    own shift of the modulation.
    """
    theirs_hz = _theirs_hz(clips)
    rate = _rate(acoustics, clips)
    probes = [_probe(acoustics, style, moved, text) for text in PROBES]
    own_hz = np.concatenate([probe[0] for probe in probes])
    own_rate = sum(probe[2] for probe in probes) / sum(probe[3] for probe in probes)
    sound = np.concatenate([probe[1] for probe in probes])
    return {
        "f0_median_hz": float(np.median(theirs_hz)),
        "f0_spread_semitones": _spread(theirs_hz),
        "rate_syllables_s": rate,
        "f0_ratio": float(np.clip(np.median(theirs_hz) / np.median(own_hz), 0.5, 2.0)),
        "f0_movement": float(np.clip(_spread(theirs_hz) / max(_spread(own_hz), 0.1), 0.7, 1.4)),
        "pace": float(np.clip(rate / own_rate, 0.75, 1.3)) if rate > 0 else 1.0,
        "gain_db": TARGET_LUFS - loudness_lufs(sound),
        "speech_s": sum(len(without_silence(at_16k(clip.audio))) for clip in clips) / 16_000,
    }


def f0_median_hz(clips: Sequence[Clip]) -> float:
    """The median F0 of a patient's clips."""
    return float(np.median(_theirs_hz(clips)))


def reach_hz(clips: Sequence[Clip]) -> float:
    """How high the clips reach, the median of them; no limit where none can be measured."""
    return _median(bandwidth.bandwidth_hz, clips, math.inf)


def lowest_hz(clips: Sequence[Clip]) -> float:
    """How low the clips reach, the median of them; no limit where none can be measured."""
    return _median(bandwidth.lowest_hz, clips, 0.0)


def _median(edge_hz: Callable[[Audio, bandwidth.Spans], float], clips: Sequence[Clip], otherwise: float) -> float:
    each = [edge_hz(clip.audio, speech_spans(clip.audio)) for clip in clips]
    known = [one for one in each if math.isfinite(one)]
    return statistics.median(known) if known else otherwise


def _theirs_hz(clips: Sequence[Clip]) -> FloatArray:
    return _f0_hz(np.concatenate([at_16k(clip.audio) for clip in clips]), 16_000)


def _f0_hz(samples: FloatArray, rate_hz: int) -> FloatArray:
    """F0 of the voiced frames (Praat's autocorrelation, Boersma 1993), in a range found from a first, wide pass.

    The range lies about the commonest F0 of that pass: its quantiles are pulled up where a telephone took the
    fundamental away and frames are heard octaves too high (a spread of 11.7 semitones in place of 3.1 was found so).
    """
    sound = parselmouth.Sound(samples.astype(np.float64), rate_hz)
    wide = sound.to_pitch_ac(pitch_floor=60, pitch_ceiling=500).selected_array["frequency"]
    wide = wide[wide > 0]
    if len(wide) < 10:
        return np.array([120.0], np.float32)
    counts, edges = np.histogram(np.log2(wide), bins=_BINS)
    commonest = int(np.convolve(counts, np.ones(_BINS_TOGETHER), "same").argmax())
    mode_hz = 2 ** float(edges[commonest : commonest + 2].mean())
    track = sound.to_pitch_ac(pitch_floor=max(50.0, mode_hz / 1.7), pitch_ceiling=min(600.0, 1.9 * mode_hz))
    found = track.selected_array["frequency"]
    found = found[found > 0]
    return np.asarray(found if len(found) else wide, np.float32)


def _spread(f0_hz: FloatArray) -> float:
    """Half the distance between the 16th and the 84th percentile, in semitones."""
    low, high = np.quantile(12 * np.log2(np.asarray(f0_hz, float)), [0.16, 0.84])
    return float(high - low) / 2


def _rate(acoustics: Acoustics, clips: Sequence[Clip]) -> float:
    """Syllables a second of speech, pauses left out; 0 where nothing is written down."""
    counted = [(syllables(acoustics.phones(clip.text)), clip) for clip in clips if clip.text.strip()]
    spoken_s = sum(len(without_silence(at_16k(clip.audio))) / 16_000 for _, clip in counted)
    return sum(count for count, _ in counted) / spoken_s if spoken_s > 0 else 0.0


def _probe(
    acoustics: Acoustics, style: torch.Tensor, moved: torch.Tensor | None, text: str
) -> tuple[FloatArray, FloatArray, int, float]:
    phones = acoustics.phones(text)
    with torch.inference_mode():
        styled = acoustics.styled(style, len(phones))
        frames = acoustics.frames(phones, styled)
        f0_hz, energy = acoustics.contours(frames, styled)
        sound = acoustics.decode(frames, f0_hz, energy, acoustics.modulation(styled, moved)).cpu().numpy()
    voiced = f0_hz[f0_hz > VOICED_HZ].cpu().numpy()
    return voiced, sound, syllables(phones), len(without_silence(sound, SPEECH_RATE_HZ)) / SPEECH_RATE_HZ
