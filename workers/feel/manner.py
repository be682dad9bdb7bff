"""How restored speech is to be said: what the patient did today beyond their own usual, and none of the impairment.

The impairment is in the baseline (slow, flat, quiet): only the deviation from it is carried over. So somebody whose
usual is two syllables a second, and who hurries to three, is restored half as fast again as their earlier voice.
"""

from __future__ import annotations

import math
from collections.abc import Mapping

from workers.contracts import Baseline, Manner, Prosody
from workers.feel.baseline import FEW, features

#: The furthest that manner moves the voice, either way: past this it stops sounding like the person.
PACE_MOST = 1.35
PITCH_MOST_SEMITONES = 4.0
RANGE_MOST = 1.6
GAIN_MOST_DB = 6.0


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


def _within(value: float, most: float) -> float:
    return min(most, max(-most, value))
