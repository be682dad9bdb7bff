"""How an utterance was said: pitch, loudness, pace, pauses and voice quality, measured on the sound.

Pitch, jitter, shimmer and harmonicity are Praat's (Boersma 1993, through parselmouth). On running speech, jitter and
shimmer are noisier than on the held vowels that published norms come from: compare them with the same person's other
utterances, as `workers.feel.baseline` does, and with no table of norms.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import numpy as np
import parselmouth
from numpy.typing import NDArray
from parselmouth.praat import call
from scipy.ndimage import median_filter, uniform_filter1d

from workers.contracts import Audio, FloatArray, Prosody, Word
from workers.wording.syllables import count_syllables

_Samples = NDArray[np.float64]
_Mask = NDArray[np.bool_]

FRAME_S = 0.01
MIN_PAUSE_S = 0.2
_WINDOW_S = 0.025
_MIN_DURATION_S = 0.1
_SILENCE_DBFS = -60.0  # under this nobody speaks into the microphone
_DYNAMIC_DB = 35.0  # weak speech sounds lie this far under the loudest
_MIN_VOICED_FRAMES = 5
_WORD_SLACK_S = 0.3  # recognised word times are this far off at worst (measured on clear speech)
_TILT_BAND_HZ = (200.0, 4000.0)


def measure(audio: Audio, words: Sequence[Word]) -> Prosody:
    """Measure `audio` (any rate from 8 kHz); `words` give the pace and where speech starts and ends.

    What cannot be measured is nan: everything about pitch and voice quality in a whisper or in silence; the pace where
    `words` is empty. Never raises on sound: nothing, a click, clipping and silence all give a result.
    """
    samples = np.nan_to_num(np.asarray(audio.samples, dtype=np.float64), nan=0.0, posinf=1.0, neginf=-1.0)
    energy_db = _energy_db(samples, audio.rate_hz)
    speech = _speech(energy_db, words)
    if audio.duration_s < _MIN_DURATION_S or not speech.any():
        return _nothing(audio, energy_db)

    sound = parselmouth.Sound(samples, sampling_frequency=audio.rate_hz)
    f0_hz = np.where(speech, _f0(sound, len(energy_db)), 0.0)
    pauses, span_s = _pauses(speech)
    paused_s = sum(end - start for start, end in pauses)
    syllables = sum(count_syllables(word.text) for word in words)
    median_hz, spread_st = _pitch_statistics(f0_hz)
    jitter, shimmer, hnr_db = _voice_quality(sound, f0_hz)
    level = energy_db[speech]
    return Prosody(
        frame_s=FRAME_S,
        f0_hz=f0_hz.astype(np.float32),
        energy_db=energy_db.astype(np.float32),
        f0_median_hz=median_hz,
        f0_spread_semitones=spread_st,
        energy_median_db=float(np.median(level)),
        energy_spread_db=_robust_spread(level),
        voiced_share=float((f0_hz > 0).sum() / speech.sum()),
        rate_syllables_s=_per_second(syllables, span_s),
        articulation_syllables_s=_per_second(syllables, span_s - paused_s),
        pauses=pauses,
        jitter=jitter,
        shimmer=shimmer,
        hnr_db=hnr_db,
        tilt_db_octave=_tilt(samples, audio.rate_hz, speech),
        duration_s=audio.duration_s,
    )


def _energy_db(samples: _Samples, rate_hz: int) -> _Samples:
    """RMS level in dBFS around the middle of each frame."""
    frames = int(len(samples) / rate_hz / FRAME_S)
    if frames == 0:
        return np.zeros(0)
    power = uniform_filter1d(samples**2, max(1, round(_WINDOW_S * rate_hz)), mode="constant")
    middles = ((np.arange(frames) + 0.5) * FRAME_S * rate_hz).astype(int)
    return np.asarray(10 * np.log10(np.maximum(power[middles], 1e-10)))


def _speech(energy_db: _Samples, words: Sequence[Word]) -> _Mask:
    """Frames that hold speech: loud enough beside the utterance's own peak and floor, and near the words if known."""
    if len(energy_db) == 0:
        return np.zeros(0, dtype=bool)
    floor, peak = (float(level) for level in np.percentile(energy_db, [5, 95]))
    threshold = max(peak - _DYNAMIC_DB, _SILENCE_DBFS)
    if peak - floor > 12:  # else there is no silence in it to find the floor of
        threshold = max(threshold, floor + 0.3 * (peak - floor))
    loud = np.asarray(energy_db > threshold)
    if words:
        # A door that slams after the last word is no speech.
        time_s = (np.arange(len(energy_db)) + 0.5) * FRAME_S
        near = (time_s > words[0].start_s - _WORD_SLACK_S) & (time_s < words[-1].end_s + _WORD_SLACK_S)
        if (loud & near).any():
            loud &= near
    return loud


def _pauses(speech: _Mask) -> tuple[tuple[tuple[float, float], ...], float]:
    """Silences of 0.2 s and more between the first and the last speech, and the seconds from first to last."""
    where = np.flatnonzero(speech)
    gaps = np.flatnonzero(np.diff(where) * FRAME_S >= MIN_PAUSE_S + FRAME_S / 2)
    pauses = tuple((float((where[gap] + 1) * FRAME_S), float(where[gap + 1] * FRAME_S)) for gap in gaps)
    return pauses, float((where[-1] - where[0] + 1) * FRAME_S)


def _f0(sound: parselmouth.Sound, frames: int) -> _Samples:
    """Praat's autocorrelation pitch, tracked twice: the second pass looks only where the first found this voice.

    The second range is 0.75 times the first quartile to 1.5 times the third (Hirst 2011), widened at the top, since an
    alarmed voice leaps: what lies an octave off is mostly a mistracked frame. A median over three frames takes what is
    left.
    """
    floor_hz, ceiling_hz = 60.0, 600.0
    if sound.duration < 3.5 / floor_hz:
        return np.zeros(frames)
    first = _track(sound, floor_hz, ceiling_hz, frames)
    voiced = first[first > 0]
    if len(voiced) < _MIN_VOICED_FRAMES:
        return np.zeros(frames)
    low, high = np.percentile(voiced, [25, 75])
    floor_hz, ceiling_hz = max(floor_hz, 0.75 * low), min(ceiling_hz, 1.8 * high)
    second = _track(sound, floor_hz, ceiling_hz, frames)
    return np.where(second > 0, np.minimum(np.maximum(median_filter(second, 3), floor_hz), ceiling_hz), 0.0)


def _track(sound: parselmouth.Sound, floor_hz: float, ceiling_hz: float, frames: int) -> _Samples:
    pitch = sound.to_pitch_ac(
        time_step=FRAME_S,
        pitch_floor=floor_hz,
        pitch_ceiling=ceiling_hz,
        voicing_threshold=0.45,
        octave_jump_cost=0.5,
        voiced_unvoiced_cost=0.14,
    )
    values, times = pitch.selected_array["frequency"], pitch.xs()
    middles = (np.arange(frames) + 0.5) * FRAME_S
    nearest = np.rint((middles - times[0]) / FRAME_S).astype(int)
    inside = (nearest >= 0) & (nearest < len(values))
    return np.where(inside, values[nearest.clip(0, len(values) - 1)], 0.0)


def _pitch_statistics(f0_hz: _Samples) -> tuple[float, float]:
    voiced = f0_hz[f0_hz > 0]
    if len(voiced) < _MIN_VOICED_FRAMES:
        return float("nan"), float("nan")
    median_hz = float(np.median(voiced))
    return median_hz, _robust_spread(12 * np.log2(voiced / median_hz))


def _voice_quality(sound: parselmouth.Sound, f0_hz: _Samples) -> tuple[float, float, float]:
    """Local jitter and shimmer (shares), harmonics-to-noise ratio (dB), as Praat does it, in this voice's range."""
    voiced = f0_hz[f0_hz > 0]
    if len(voiced) < _MIN_VOICED_FRAMES:
        return float("nan"), float("nan"), float("nan")
    floor_hz, ceiling_hz = float(voiced.min()) * 0.9, float(voiced.max()) * 1.1
    pulses = call(sound, "To PointProcess (periodic, cc)", floor_hz, ceiling_hz)
    jitter = call(pulses, "Get jitter (local)", 0, 0, 0.0001, 0.02, 1.3)
    shimmer = call([sound, pulses], "Get shimmer (local)", 0, 0, 0.0001, 0.02, 1.3, 1.6)
    ratio = sound.to_harmonicity_cc(time_step=2 * FRAME_S, minimum_pitch=floor_hz).values  # the slowest step
    harmonic = ratio[ratio > -200]  # Praat writes −200 dB where there is no voice
    return float(jitter), float(shimmer), float(np.mean(harmonic)) if harmonic.size else float("nan")


def _tilt(samples: _Samples, rate_hz: int, speech: _Mask) -> float:
    """Slope of the long-term spectrum over speech, in dB an octave, 200 Hz to 4 kHz in third octaves.

    Raised vocal effort flattens it (less negative), breathiness steepens it.
    """
    size = int(2 ** np.ceil(np.log2(_WINDOW_S * rate_hz)))
    starts = (np.flatnonzero(speech)[::2] * FRAME_S * rate_hz).astype(int)
    starts = starts[starts + size <= len(samples)]
    if len(starts) == 0 or rate_hz < 2 * _TILT_BAND_HZ[1]:
        return float("nan")
    frames = samples[starts[:, None] + np.arange(size)] * np.hanning(size)
    power = (np.abs(np.fft.rfft(frames)) ** 2).mean(axis=0)
    hz = np.fft.rfftfreq(size, 1 / rate_hz)
    edges = _TILT_BAND_HZ[0] * 2 ** (np.arange(14) / 3)
    bands = [power[(hz >= low) & (hz < high)] for low, high in pairwise(edges)]
    level_db = np.array([10 * np.log10(band.mean() + 1e-12) if band.size else np.nan for band in bands])
    octave = np.log2(edges[:-1])
    known = np.isfinite(level_db)
    return float(np.polyfit(octave[known], level_db[known], 1)[0]) if known.sum() > 2 else float("nan")


def _robust_spread(values: NDArray[np.float64]) -> float:
    """1.4826 × the median absolute deviation: a standard deviation that strays do not move."""
    return float(1.4826 * np.median(np.abs(values - np.median(values))))


def _per_second(syllables: int, seconds: float) -> float:
    return syllables / seconds if syllables and seconds > 0 else float("nan")


def _nothing(audio: Audio, energy_db: _Samples) -> Prosody:
    """No speech: the curves are there, every other figure is nan."""
    nan = float("nan")
    f0_hz: FloatArray = np.zeros(len(energy_db), dtype=np.float32)
    return Prosody(
        FRAME_S, f0_hz, energy_db.astype(np.float32), nan, nan, nan, nan, 0.0, nan, nan, (), nan, nan, nan, nan,
        audio.duration_s,
    )  # fmt: skip
