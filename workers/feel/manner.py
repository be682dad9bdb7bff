"""How restored speech is to be said: what the patient did today beyond their own usual, and none of the impairment.

The impairment is in the baseline (slow, flat, quiet): only the deviation from it is carried over. So somebody whose
usual is two syllables a second, and who hurries to three, is restored half as fast again as their earlier voice.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import numpy as np
from scipy.ndimage import median_filter

from workers.contracts import Audio, Baseline, Clip, FloatArray, Manner, Performance, Prosody, Word
from workers.feel.baseline import FEW, build, features
from workers.feel.prosody import measure

#: The furthest that manner moves the voice, either way: past this it stops sounding like the person.
PACE_MOST = 1.35
PITCH_MOST_SEMITONES = 4.0
RANGE_MOST = 1.6
GAIN_MOST_DB = 6.0
#: How far a speaker's pitch movement is scaled to their earlier self's, and how far it may then lead.
MOVEMENT_SCALE = (0.6, 2.5)
LEVEL_SCALE = (0.7, 1.5)
MOVEMENT_MOST_SEMITONES = 12.0
#: Slower than their earlier self by the first: their timing is their own; by the second: it is the impairment's.
OWN_TIMING, IMPAIRED_TIMING = 1.15, 1.45
_SHORTEST_VOICED = 4  # frames: less is a click that looked periodic
_LEAP_SEMITONES = 3.0  # between frames 10 ms apart: nobody's larynx does that; a tracker that changes octave does
_ASTRAY_SEMITONES = 7.0  # from the running median


def carry_over(
    prosody: Prosody, baseline: Baseline | None, measures: Mapping[str, float] | None = None, *, strength: float = 1.0
) -> Manner:
    """The manner for today's utterance, at `strength` 0 (none) to 1 (all of it).

    `measures` are the voice's own (`Voice.measures`); its 'f0_median_hz', where there is one, caps the pitch shift so
    that the voice stays between 60 and 400 Hz. With no baseline, or what cannot be measured: neutral. A baseline of
    under 5 utterances carries its share (n/5).
    """
    if baseline is None or baseline.count == 0:
        return Manner()
    today = features(prosody)
    share = min(1.0, max(0.0, strength)) * min(1.0, baseline.count / FEW)

    def beyond(name: str) -> float:
        return share * (today[name] - baseline.median[name]) if name in today and name in baseline.median else 0.0

    pitch = _within(beyond("pitch"), PITCH_MOST_SEMITONES)
    own_hz = (measures or {}).get("f0_median_hz", math.nan)
    if math.isfinite(own_hz) and own_hz > 0:
        lowest, highest = 12 * math.log2(60 / own_hz), 12 * math.log2(400 / own_hz)
        pitch = min(max(pitch, min(0.0, lowest)), max(0.0, highest))
    return Manner(
        pace=math.exp(_within(beyond("pace"), math.log(PACE_MOST))),
        pitch_semitones=pitch,
        pitch_range=math.exp(_within(beyond("pitch_movement"), math.log(RANGE_MOST))),
        gain_db=_within(beyond("loudness"), GAIN_MOST_DB),
    )


def of_historic(clips: Sequence[Clip]) -> dict[str, float]:
    """How the patient spoke before, by the rules that their utterances are measured by: to lie beside `Voice.measures`.

    historic_articulation: syllables a second, pauses left out. historic_spread_semitones, historic_spread_db: movement
    of pitch and loudness. What cannot be measured is left out.
    """
    heard = [measure(clip.audio, [Word(clip.text, 0.0, clip.audio.duration_s, 1.0)]) for clip in clips if clip.text]
    usual = build([features(prosody) for prosody in heard]).median
    found: dict[str, float] = {}
    if "articulation" in usual:
        found["historic_articulation"] = math.exp(usual["articulation"])
    if "pitch_movement" in usual:
        found["historic_spread_semitones"] = math.exp(usual["pitch_movement"])
    if "loudness_movement" in usual:
        found["historic_spread_db"] = usual["loudness_movement"]
    return found


def perform(
    prosody: Prosody,
    audio: Audio,
    words: Sequence[Word],
    baseline: Baseline | None,
    measures: Mapping[str, float] | None = None,
    *,
    strength: float = 1.0,
    pace: float = 1.0,
) -> Performance | None:
    """Today's utterance as restored speech is to follow it; None where nothing can be followed.

    What belongs to the impairment is what the baseline has and the voice's `measures` have not. Pitch movement is
    scaled by the earlier range over the usual one. The further the usual pace lies under the earlier one, the less the
    timing is followed as it is, and the more only what stands out in it. Pauses count beyond the usual share of time.
    `strength` and young baselines as in `carry_over`; `pace`: how much faster the patient wants to be heard.
    """
    share = min(1.0, max(0.0, strength)) * (min(1.0, baseline.count / FEW) if baseline else 0.0)
    if share == 0 or baseline is None or not words or not math.isfinite(prosody.energy_median_db):
        return None
    own, usual = measures or {}, baseline.median
    closeness, slowness = 0.0, 1.0
    earlier = own.get("historic_articulation", own.get("rate_syllables_s", 0.0))
    if earlier > 0 and "articulation" in usual:
        slowness = earlier / math.exp(usual["articulation"])
        closeness = 1 - _smooth_step(abs(math.log(slowness)), math.log(OWN_TIMING), math.log(IMPAIRED_TIMING))
    pitch_scale, level_scale = 1.0, 1.0
    earlier = own.get("historic_spread_semitones", own.get("f0_spread_semitones", 0.0))
    if earlier > 0 and "pitch_movement" in usual:
        pitch_scale = min(max(earlier / math.exp(usual["pitch_movement"]), MOVEMENT_SCALE[0]), MOVEMENT_SCALE[1])
    if own.get("historic_spread_db", 0.0) > 0 and usual.get("loudness_movement", 0.0) > 0:
        level_scale = min(max(own["historic_spread_db"] / usual["loudness_movement"], LEVEL_SCALE[0]), LEVEL_SCALE[1])
    return Performance(
        audio=audio,
        words=tuple(words),
        frame_s=prosody.frame_s,
        f0_semitones=_movement(prosody, pitch_scale),
        energy_db=(level_scale * (prosody.energy_db - prosody.energy_median_db)).astype(np.float32),
        tempo=pace * slowness ** (1 - closeness),
        closeness=closeness,
        pauses_kept=_beyond_usual_pausing(prosody, baseline),
        strength=share,
    )


def as_said(
    prosody: Prosody,
    audio: Audio,
    words: Sequence[Word],
    baseline: Baseline | None,
    measures: Mapping[str, float] | None = None,
) -> Manner:
    """Today's utterance as it is: every word at its time, with all of its pitch movement and loudness, none scaled.

    Nothing is held against the usual pace, pauses or range, so the impairment is in it, and a baseline is not needed.
    What stays: pitch that no larynx makes is left out; how high and how loud the whole is said, in the voice of before,
    is today's difference from the usual, within its limits. With no words that were recognised, neutral.
    """
    carried = carry_over(prosody, baseline, measures)
    if not words or not math.isfinite(prosody.energy_median_db):
        return Manner()
    performance = Performance(
        audio=audio,
        words=tuple(words),
        frame_s=prosody.frame_s,
        f0_semitones=_movement(prosody, 1.0),
        energy_db=(prosody.energy_db - prosody.energy_median_db).astype(np.float32),
        in_place=True,
    )
    return Manner(pitch_semitones=carried.pitch_semitones, gain_db=carried.gain_db, performance=performance)


def _movement(prosody: Prosody, scale: float) -> FloatArray:
    """Semitones about the utterance's median, scaled; nan where there is no pitch, or it is not believed."""
    voiced = prosody.f0_hz > 0
    semitones = np.full(len(prosody.f0_hz), np.nan)
    if not voiced.any() or not math.isfinite(prosody.f0_median_hz):
        return semitones.astype(np.float32)
    semitones[voiced] = 12 * np.log2(prosody.f0_hz[voiced] / prosody.f0_median_hz)
    known = np.flatnonzero(voiced)
    running = median_filter(semitones[known], min(61, len(known)), mode="nearest")
    semitones[known[np.abs(semitones[known] - running) > _ASTRAY_SEMITONES]] = np.nan
    known = np.flatnonzero(np.isfinite(semitones))
    breaks = np.flatnonzero((np.diff(known) > 1) | (np.abs(np.diff(semitones[known])) > _LEAP_SEMITONES)) + 1
    for stretch in np.split(known, breaks):
        if len(stretch) < _SHORTEST_VOICED:
            semitones[stretch] = np.nan
    limited = np.clip(scale * semitones, -MOVEMENT_MOST_SEMITONES, MOVEMENT_MOST_SEMITONES)
    return limited.astype(np.float32)


def _beyond_usual_pausing(prosody: Prosody, baseline: Baseline) -> float:
    """The share of today's pauses that goes beyond the patient's usual, and one of their spreads."""
    today = sum(end - start for start, end in prosody.pauses) / prosody.duration_s
    if today <= 0 or "pausing" not in baseline.median:
        return 0.0
    usual = baseline.median["pausing"] + baseline.spread["pausing"]
    return min(1.0, max(0.0, today - usual) / today)


def _smooth_step(value: float, low: float, high: float) -> float:
    place = min(1.0, max(0.0, (value - low) / (high - low)))
    return place * place * (3 - 2 * place)


def _within(value: float, most: float) -> float:
    return min(most, max(-most, value))
