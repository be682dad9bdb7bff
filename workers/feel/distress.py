"""A first reading of distress and urgency in one utterance, with the cues that made it.

Not validated. No patient's data has trained or tested it; the weights below are judgement, written down so that they
can be read, argued with and replaced. It puts utterances before a clinician in an order and says why; it diagnoses
nothing, and a low reading is no all-clear: quiet, slow despair in particular is hardly seen.

Method: evidence is added up in logits. Manner: how far each figure lies over one of the patient's own spreads from
their own median, in the direction of arousal (pitch, pitch movement, loudness, effort and pace rise with it: Scherer
2003; Banse and Scherer 1996), at most five spreads. Words: `workers.feel.words`. Events: breaking off. Every piece is
bounded and can only add, so the reading rises with each piece and nobody's habit can hide another cue. The interval is
a judged width in logits, wider with a young baseline, unsure words or no voicing; it is no confidence interval.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

from workers.contracts import Baseline, Feeling, Prosody, Score, Transcript
from workers.feel.baseline import FEATURES, FEW, deviations, features
from workers.feel.words import WordEvidence, has_list, weigh

_CALM_DISTRESS = -3.2  # logit with no evidence: 0.04
_CALM_URGENCY = -3.2
_DEADBAND = 1.0  # spreads: one utterance in three lies beyond it by chance, on one side or the other
_MOST = 5.0  # spreads
_BREAK_OFF_S = 1.0
_BREAK_OFF = (0.5, 0.2)  # logits: distress, urgency
_WIDTH, _WIDTH_YOUNG, _WIDTH_UNSURE, _WIDTH_UNVOICED = 0.7, 1.5, 0.5, 0.4  # logits


@dataclass(frozen=True)
class _Weight:
    """Logits for each spread beyond the dead band, in the direction `sign`."""

    sign: int
    distress: float
    urgency: float


_MANNER: Mapping[str, _Weight] = {
    "pitch": _Weight(+1, 0.60, 0.40),
    "pitch_movement": _Weight(+1, 0.25, 0.10),
    "loudness": _Weight(+1, 0.35, 0.40),
    "articulation": _Weight(+1, 0.35, 0.55),
    "pausing": _Weight(+1, 0.15, 0.00),
    "jitter": _Weight(+1, 0.15, 0.00),
    "harmonicity": _Weight(-1, 0.15, 0.00),
    "tilt": _Weight(+1, 0.20, 0.15),
}


def score(
    prosody: Prosody, transcript: Transcript | None, baseline: Baseline | None, *, chosen: str | None = None
) -> Feeling:
    """Distress and urgency of an utterance. `chosen`: the words that the patient confirmed: surer than `transcript`."""
    measured = features(prosody)
    away = deviations(measured, baseline)
    text = chosen if chosen is not None else transcript.text if transcript else ""
    sure = chosen is not None or transcript is None or transcript.gate is None
    if not text and transcript and transcript.readings and chosen is None:
        text = transcript.readings[0].text
    language = transcript.language if transcript else "en"
    words = weigh(text, sure=sure, language=language)

    distress, urgency = _CALM_DISTRESS + words.distress, _CALM_URGENCY + words.urgency
    cues: list[tuple[float, float, str]] = []
    for name, weight in _MANNER.items():
        beyond = min(_MOST, weight.sign * away.get(name, 0.0)) - _DEADBAND
        if beyond <= 0:
            continue
        distress += weight.distress * beyond
        urgency += weight.urgency * beyond
        assert baseline is not None  # there are no deviations without one
        cue = _cue(name, away[name], measured[name], baseline)
        cues.append((weight.distress * beyond, weight.urgency * beyond, cue))
    broken_off = _longest_pause_s(prosody)
    if broken_off >= _BREAK_OFF_S and away.get("pausing", 0.0) > _DEADBAND:
        distress, urgency = distress + _BREAK_OFF[0], urgency + _BREAK_OFF[1]
        cues.append((*_BREAK_OFF, f"broke off for {broken_off:.1f} s, which is not usual"))

    width = _width(baseline, sure=sure, voiced="pitch" in measured)
    return Feeling(
        _score(distress, width, words, [(adds, cue) for adds, _, cue in cues]),
        _score(urgency, width, words, [(adds, cue) for _, adds, cue in cues]),
        _note(baseline, language, sure=sure, spoken=bool(measured), voiced="pitch" in measured),
    )


def _score(logit: float, width: float, words: WordEvidence, manner: list[tuple[float, str]]) -> Score:
    """The reading, with only those cues that added to it, strongest first."""
    told = [cue for adds, cue in sorted(manner, key=lambda item: (-item[0], item[1])) if adds > 0]
    return Score(_sigmoid(logit), _sigmoid(logit - width), _sigmoid(logit + width), (*words.cues, *told))


def _cue(name: str, away: float, value: float, baseline: Baseline) -> str:
    """One finding in plain words, with a number that a clinician can check against the patient's own usual."""
    difference = value - baseline.median[name]
    if name == "articulation":
        return f"spoke {math.exp(difference):.1f} times faster than usual"
    if name == "loudness":
        return f"{difference:.0f} dB louder than usual"
    if name == "pitch":
        return f"pitch {away:.1f} spreads above own median ({difference:+.0f} semitones)"
    side = "above" if away > 0 else "below"
    return f"{FEATURES[name].plain} {abs(away):.1f} spreads {side} own median"


def _longest_pause_s(prosody: Prosody) -> float:
    return max((end - start for start, end in prosody.pauses), default=0.0)


def _width(baseline: Baseline | None, *, sure: bool, voiced: bool) -> float:
    count = baseline.count if baseline else 0
    width = _WIDTH + _WIDTH_YOUNG / math.sqrt(1 + count)
    return width + (0.0 if sure else _WIDTH_UNSURE) + (0.0 if voiced else _WIDTH_UNVOICED)


def _note(baseline: Baseline | None, language: str, *, sure: bool, spoken: bool, voiced: bool) -> str:
    notes = []
    if baseline is None or baseline.count == 0:
        notes.append("No baseline yet, so only the words count.")
    elif baseline.count < FEW:
        notes.append(f"The baseline holds {baseline.count} of the {FEW} utterances that it needs: a first guess.")
    if not has_list(language):
        notes.append("Words of this language are not weighed, so only the voice counts.")
    elif not language.startswith("en"):
        notes.append("The list of words in this language is short, and nobody who speaks it has checked it.")
    if not sure:
        notes.append("The words were not sure, so they count by half.")
    if not spoken:
        notes.append("No speech to measure.")
    elif not voiced:
        notes.append("Whispered or unvoiced, so pitch could not be measured.")
    return " ".join(notes)


def _sigmoid(logit: float) -> float:
    return 1 / (1 + math.exp(-logit))
