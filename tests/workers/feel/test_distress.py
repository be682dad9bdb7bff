"""Calm is read as calm, alarm as alarm, a denied pain as none; and every reading says why."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bench.impair import impair
from tests.workers.feel.conftest import Said, alarmed, say, transcript_of
from workers.contracts import Audio, Baseline, Prosody
from workers.feel import baseline
from workers.feel.distress import score
from workers.feel.prosody import measure
from workers.feel.words import weigh

A_PROSODY = Prosody(
    0.01, np.zeros(3, np.float32), np.zeros(3, np.float32), 120.0, 2.0, -30.0, 6.0, 0.6, 4.0, 4.5, (), 0.02, 0.1, 12.0,
    -8.0, 2.0,
)  # fmt: skip
OWN = baseline.build([baseline.features(A_PROSODY)] * 12)
NEUTRAL = transcript_of("the window is open")


def test_calm_reading_is_low_on_both(calm: list[Said], usual: Baseline) -> None:
    for one in calm[:4]:
        felt = score(one.prosody, transcript_of(one.text), usual)
        assert felt.distress.value < 0.3
        assert felt.urgency.value < 0.3
        assert felt.note == ""


def test_the_same_words_said_in_alarm_are_clearly_higher(calm: list[Said], usual: Baseline) -> None:
    for one in calm[1:4]:
        loud = say(alarmed(one.audio), one.text)
        before = score(one.prosody, transcript_of(one.text), usual)
        after = score(loud.prosody, transcript_of(one.text), usual)
        assert after.distress.value > 2 * before.distress.value
        assert after.urgency.value > before.urgency.value
    third = score(say(alarmed(calm[2].audio), calm[2].text).prosody, transcript_of(calm[2].text), usual)
    assert third.distress.value > 0.4
    assert any("spreads above own median" in cue and "pitch" in cue for cue in third.distress.cues)
    assert any("times faster than usual" in cue for cue in third.urgency.cues)
    assert any("dB louder than usual" in cue for cue in third.urgency.cues)


def test_impairment_is_not_taken_for_distress_and_alarm_is_heard_through_it(calm: list[Said]) -> None:
    """Simulated impairment, against a baseline of the same simulated impairment: what a patient's own normal is for."""
    usual = baseline.build(
        [
            baseline.features(say(impair(one.audio, "moderate", at), one.text).prosody)
            for at, one in enumerate(calm[5:13])
        ]
    )
    for at, one in enumerate(calm[2:4]):
        as_ever = say(impair(one.audio, "moderate", 20 + at), one.text)
        in_alarm = say(impair(alarmed(one.audio), "moderate", 30 + at), one.text)
        before = score(as_ever.prosody, transcript_of(one.text), usual).distress.value
        assert before < 0.3
        assert score(in_alarm.prosody, transcript_of(one.text), usual).distress.value > 2 * before


def test_a_cry_for_help_in_a_calm_voice_is_urgent() -> None:
    felt = score(A_PROSODY, transcript_of("help I can't breathe"), OWN)
    assert felt.urgency.value > 0.8
    assert felt.distress.value > 0.5
    assert "said “can't breathe”" in felt.urgency.cues


@pytest.mark.parametrize(
    "text",
    [
        "I am not in pain today",
        "No pain, thank you",
        "I don't need help",
        "thank you for your help",
        "I would like a glass of water",
        "The pain is gone",
        "not now",
        "I'm not scared any more",
        "It was the best of times",
        "Could you help me choose a film",
    ],
)
def test_what_is_denied_or_meant_otherwise_is_low(text: str) -> None:
    felt = score(A_PROSODY, transcript_of(text), OWN)
    assert felt.distress.value < 0.1
    assert felt.urgency.value < 0.1


@pytest.mark.parametrize(
    "text",
    [
        "no I can't breathe",
        "No. I can’t breathe",
        "I am not getting better, I am in pain, help me",
        "I have no appetite but I can't breathe",
        "please don't stop, help me, help",
        "I HAVE CHEST PAIN",
    ],
)
def test_negation_does_not_reach_too_far(text: str) -> None:
    assert score(A_PROSODY, transcript_of(text), OWN).urgency.value > 0.5


def test_saying_it_again_counts_and_is_told() -> None:
    once, twice = weigh("help", sure=True), weigh("help, help", sure=True)
    assert twice.urgency > once.urgency
    assert "said “help” twice" in twice.cues
    assert "said “nurse” three times running" in weigh("nurse nurse nurse", sure=True).cues


def test_words_that_were_not_sure_count_by_half_and_say_so() -> None:
    sure, unsure = (score(A_PROSODY, transcript_of("help I can't breathe", gate), OWN) for gate in (None, "looping"))
    assert 0.05 < unsure.urgency.value < sure.urgency.value
    assert unsure.urgency.high - unsure.urgency.low > 0.3
    assert all("may have said" in cue for cue in unsure.urgency.cues)
    assert "not sure" in unsure.note
    chosen = score(A_PROSODY, transcript_of("hell of a tree", "low_confidence"), OWN, chosen="help I can't breathe")
    assert chosen.urgency.value == pytest.approx(sure.urgency.value)


def test_without_a_baseline_only_words_count_and_the_interval_is_wide() -> None:
    nobody, young = score(A_PROSODY, NEUTRAL, None), score(A_PROSODY, NEUTRAL, replace(OWN, count=3))
    settled = score(A_PROSODY, NEUTRAL, OWN)
    assert "only the words count" in nobody.note
    assert "first guess" in young.note
    widths = [felt.distress.high - felt.distress.low for felt in (settled, young, nobody)]
    assert widths == sorted(widths)
    assert widths[0] < widths[-1]


def test_silence_is_told_and_is_not_alarm() -> None:
    silent = measure(Audio(np.zeros(16_000, np.float32), 16_000), ())
    felt = score(silent, None, OWN)
    assert felt.distress.value < 0.1
    assert "No speech" in felt.note


def test_breaking_off_counts_only_against_ones_own_habit() -> None:
    broken = replace(A_PROSODY, pauses=((0.4, 1.6),))
    halting = baseline.build([baseline.features(broken)] * 12)
    assert any("broke off" in cue for cue in score(broken, NEUTRAL, OWN).distress.cues)
    assert score(broken, NEUTRAL, halting).distress.cues == ()


def test_every_cue_belongs_to_the_score_that_it_raised() -> None:
    rough = replace(A_PROSODY, jitter=0.2)
    felt = score(rough, NEUTRAL, OWN)
    assert any("jitter" in cue for cue in felt.distress.cues)
    assert felt.urgency.cues == ()


SHIFT = st.floats(0, 12)


@settings(max_examples=60, deadline=None)
@given(SHIFT, SHIFT, st.floats(0.5, 2.5), st.floats(1, 2), st.floats(-10, 20))
def test_more_arousal_never_lowers_a_reading(low: float, more: float, pace: float, faster: float, gain: float) -> None:
    def at(semitones: float, factor: float) -> Prosody:
        return replace(
            A_PROSODY,
            f0_median_hz=120 * 2 ** (semitones / 12),
            articulation_syllables_s=4.5 * factor,
            energy_median_db=-30 + gain,
        )

    before, after = (score(one, NEUTRAL, OWN) for one in (at(low, pace), at(low + more, pace * faster)))
    assert after.distress.value >= before.distress.value
    assert after.urgency.value >= before.urgency.value


@settings(max_examples=60, deadline=None)
@given(st.text(max_size=60), st.sampled_from(["I can't breathe.", "Help me!", "It hurts.", "Hurry."]))
def test_an_urgent_sentence_never_lowers_a_reading_and_bounds_hold(text: str, cry: str) -> None:
    before, after = (score(A_PROSODY, transcript_of(said), OWN) for said in (text, f"{text}. {cry}"))
    assert after.urgency.value >= before.urgency.value
    assert after.distress.value >= before.distress.value
    for one in (before.distress, before.urgency, after.distress, after.urgency):
        assert 0 <= one.low <= one.value <= one.high <= 1
