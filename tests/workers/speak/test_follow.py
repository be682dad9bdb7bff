"""Restored speech goes as the utterance went, and where it cannot, it goes as the voice would have it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
import pyworld
import torch

from bench import impair, measure, two_cities
from workers.contracts import Audio, Baseline, Manner, Performance, Voice, Word
from workers.feel import baseline, manner, prosody
from workers.speak import follow
from workers.speak.align import align
from workers.speak.clauses import clauses
from workers.speak.follow import columns
from workers.speak.kokoro import KokoroEngine
from workers.speak.matching import PAUSES, words_of_phones
from workers.speak.phone_sounds import open_phone_sounds
from workers.speak.plan import Plan

TEXT = "it was the age of wisdom,"
#: As Whisper base hears them.
TIMES_S = ((0.21, 0.32), (0.32, 0.46), (0.46, 0.6), (0.6, 0.8), (0.8, 0.98), (0.98, 1.28))
WORDS = tuple(Word(text, *times, 0.9) for text, times in zip(TEXT.split(), TIMES_S, strict=True))
Moved = Callable[[np.ndarray, np.ndarray], tuple[np.ndarray, np.ndarray, float]]


@pytest.fixture(scope="module")
def clear() -> Audio:
    return measure.resample(two_cities.enrolment()[2].audio, 16_000)


@pytest.fixture(scope="module")
def usual(clear: Audio) -> Baseline:
    said = [measure.resample(clip.audio, 16_000) for clip in two_cities.enrolment()[:6]]
    return _usual(said)


@pytest.fixture(scope="module")
def own(voice: Voice) -> Voice:
    """The voice, with how its patient spoke before beside it, as the service keeps it."""
    return replace(voice, measures={**voice.measures, **manner.of_historic(two_cities.enrolment()[:6])})


def _usual(said: list[Audio]) -> Baseline:
    return baseline.build([baseline.features(prosody.measure(one, WORDS)) for one in said])


def _resung(audio: Audio, moved: Moved) -> Audio:
    """`audio` with its F0 (Hz) and places in time moved as asked, at another level in dB (WORLD)."""
    sound = audio.samples.astype(np.float64)
    f0, times = pyworld.harvest(sound, audio.rate_hz)
    envelope = pyworld.cheaptrick(sound, f0, times, audio.rate_hz)
    aperiodicity = pyworld.d4c(sound, f0, times, audio.rate_hz)
    f0, places, gain_db = moved(f0, times)
    rows = np.clip(np.rint(places / 0.005).astype(int), 0, len(times) - 1)
    aperiodicity = aperiodicity[rows] if f0.any() else np.ones_like(aperiodicity[rows])
    made = pyworld.synthesize(np.ascontiguousarray(f0[rows]), envelope[rows], aperiodicity, audio.rate_hz)
    return Audio((made * 10 ** (gain_db / 20)).clip(-1, 1).astype(np.float32), audio.rate_hz)


def _manner(
    audio: Audio, known: Baseline, voice: Voice, words: tuple[Word, ...] = WORDS, strength: float = 1.0
) -> Manner:
    measured = prosody.measure(audio, words)
    carried = manner.carry_over(measured, known, voice.measures, strength=strength)
    performance = manner.perform(measured, audio, words, known, voice.measures, strength=strength)
    return replace(carried, performance=performance)


def _planned(engine: KokoroEngine, voice: Voice, how: Manner, text: str = TEXT) -> Plan:
    """What would be sounded: a fraction of a second, where sounding takes seconds."""
    follower = engine._follower(how, clauses(text))
    with torch.inference_mode():
        return engine._plan(text, engine._acoustics.phones(text), voice, how, follower)


def _end_semitones(plan: Plan) -> float:
    """Pitch of the last tenth of a second that is voiced, over the clause's median."""
    f0_hz = plan.f0_hz[0].numpy()
    voiced = f0_hz[f0_hz > 60]
    return float(12 * np.log2(np.median(voiced[-8:]) / np.median(voiced)))


def _level_db(audio: Audio) -> float:
    return float(10 * np.log10(np.mean(audio.samples**2) + 1e-12))


def test_a_question_rises(engine: KokoroEngine, own: Voice, clear: Audio, usual: Baseline) -> None:
    asked = _resung(clear, lambda f0, t: (f0 * 2 ** (np.clip((t - 0.95) / 0.3, 0, 1) * 9 / 12), t, 0.0))
    told = _resung(clear, lambda f0, t: (f0 * 2 ** (-np.clip((t - 0.95) / 0.3, 0, 1) * 5 / 12), t, 0.0))
    rising = _end_semitones(_planned(engine, own, _manner(asked, usual, own)))
    falling = _end_semitones(_planned(engine, own, _manner(told, usual, own)))
    assert rising > falling + 4
    assert rising > 2


def test_a_whisper_stays_quiet(engine: KokoroEngine, own: Voice, clear: Audio, usual: Baseline) -> None:
    whispered = _resung(clear, lambda f0, t: (np.zeros_like(f0), t, -14.0))
    quiet = measure.joined([one.audio for one in engine.say(TEXT, own, _manner(whispered, usual, own))])
    plain = measure.joined([one.audio for one in engine.say(TEXT, own)])
    assert _level_db(quiet) < _level_db(plain) - 4
    assert np.isfinite(quiet.samples).all()


def test_a_word_that_is_stressed_is_longer_louder_and_higher(
    engine: KokoroEngine, own: Voice, clear: Audio, usual: Baseline
) -> None:
    """'age', between 0.63 and 0.88 s, said at half the speed, 5 semitones higher and 6 dB louder."""

    def stressed(f0: np.ndarray, t: np.ndarray) -> tuple[np.ndarray, np.ndarray, float]:
        inside = (t > 0.63) & (t < 0.88)
        places = np.interp(np.arange(0, t[-1] + 0.25, 0.005), [0, 0.63, 1.13, t[-1] + 0.25], [0, 0.63, 0.88, t[-1]])
        return np.where(inside, f0 * 2 ** (5 / 12), f0), places, 0.0

    longer = _resung(clear, stressed)
    inside = slice(int(0.63 * 16_000), int(1.13 * 16_000))
    longer.samples[inside] *= 2.0
    later = tuple(
        replace(w, start_s=w.start_s + 0.25 * (w.start_s > 0.7), end_s=w.end_s + 0.25 * (w.end_s > 0.7)) for w in WORDS
    )
    with_it = _planned(engine, own, _manner(longer, usual, own, later))
    without = _planned(engine, own, _manner(clear, usual, own))
    assert _of_age(with_it)[0] > 1.25 * _of_age(without)[0]
    assert _of_age(with_it)[1] > _of_age(without)[1] + 0.3
    assert _of_age(with_it)[2] > _of_age(without)[2] + 1.5


@pytest.mark.parametrize("rest_s", [0.15, 1.1])
def test_sentences_are_as_far_apart_as_they_were_said(
    engine: KokoroEngine, own: Voice, clear: Audio, usual: Baseline, rest_s: float
) -> None:
    """The last word dies away for about 0.05 s more, and the first begins 0.2 s in."""
    plans, rested_s = _twice(engine, own, clear, usual, rest_s)
    assert rested_s == pytest.approx(rest_s + 0.05, abs=0.12)
    # What is laid before the second sentence is silence, as it was.
    if rest_s > 1:
        before = 2 * int(plans[1].frames.durations[0]) - 8
        assert before > 40
        assert plans[1].energy[0, :before].max() < plans[1].energy.max() - 4


def test_a_rest_of_ten_seconds_is_cut_short(engine: KokoroEngine, own: Voice, clear: Audio, usual: Baseline) -> None:
    """Between two sentences, and within one."""
    _, rested_s = _twice(engine, own, clear, usual, 10.0)
    assert 1.5 < rested_s < follow.MOST_REST_S + 0.3
    words = tuple(
        replace(w, start_s=w.start_s + 10 * (w.start_s > 0.7), end_s=w.end_s + 10 * (w.start_s > 0.7)) for w in WORDS
    )
    at = round(0.62 * 16_000)  # before 'age'
    torn = np.concatenate([clear.samples[:at], np.zeros(160_000, np.float32), clear.samples[at:]])
    within = _seconds(_planned(engine, own, _manner(Audio(torn, 16_000), usual, own, words)))
    assert within < _seconds(_planned(engine, own, _manner(clear, usual, own))) + follow.MOST_REST_S + 0.3


def _twice(engine: KokoroEngine, own: Voice, clear: Audio, usual: Baseline, rest_s: float) -> tuple[list[Plan], float]:
    """The same clip twice with a rest between; the plans, and the rest in them in s."""
    silence = np.zeros(round(rest_s * 16_000), np.float32)
    start, stop = round(0.2 * 16_000), round(1.33 * 16_000)
    once = clear.samples[start:stop]
    twice = Audio(np.concatenate([clear.samples[:start], once, silence, once, np.zeros(8_000, np.float32)]), 16_000)
    later_s = (stop - start) / 16_000 + rest_s
    words = (*WORDS, *(replace(word, start_s=word.start_s + later_s, end_s=word.end_s + later_s) for word in WORDS))
    found = clauses("It was the age of wisdom. It was the age of wisdom.")
    assert len(found) == 2
    how = _manner(twice, usual, own, words)
    follower = engine._follower(how, found)
    plans = []
    with torch.inference_mode():
        for place, text in enumerate(found):
            plans.append(engine._plan(text, engine._acoustics.phones(text), own, how, follower, place))
    first, second = (plan.frames.durations.numpy() for plan in plans)
    return plans, 0.025 * float(first[plans[0].phones.rindex("m") + 2 :].sum() + second[0])


def test_nothing_sounds_before_the_first_word(engine: KokoroEngine, own: Voice, clear: Audio, usual: Baseline) -> None:
    """The network, left alone with a lead, begins to sound up to 0.14 s early."""
    plan = _planned(engine, own, replace(_manner(clear, usual, own), pace=0.6))
    lead = 2 * int(plan.frames.durations[0])
    assert plan.energy[0, : lead - 6].max() < plan.energy.max() - 25 / 4.66


def _of_age(plan: Plan) -> tuple[float, float, float]:
    """Frames of the word 'age'; its energy over the other words', and its pitch in semitones, where they are voiced."""
    first, last = plan.phones.index("ˈe") + 1, plan.phones.index("dʒ") + 2
    ends = 2 * np.cumsum(plan.frames.durations.numpy())
    f0_hz, energy = plan.f0_hz[0].numpy(), plan.energy[0].numpy()
    inside = np.zeros(len(f0_hz), dtype=bool)
    inside[ends[first - 1] : ends[last]] = True
    word, others = inside & (f0_hz > 60), ~inside & (f0_hz > 60)
    return (
        float(inside.sum()),
        float(np.mean(energy[word]) - np.mean(energy[others])),
        float(12 * np.log2(np.median(f0_hz[word]) / np.median(f0_hz[others]))),
    )


def test_slow_flat_impaired_speech_is_restored_neither_slow_nor_flat(
    engine: KokoroEngine, own: Voice, clear: Audio
) -> None:
    said = [impair.impair(measure.resample(c.audio, 16_000), "moderate", 7) for c in two_cities.enrolment()[:6]]
    slow = 1.5
    words = tuple(replace(word, start_s=slow * word.start_s, end_s=slow * word.end_s) for word in WORDS)
    known = baseline.build([baseline.features(prosody.measure(one, words)) for one in said])
    restored = _planned(engine, own, _manner(said[2], known, own, words))
    flat = _planned(engine, own, Manner())
    assert _seconds(restored) < 1.25 * _seconds(flat)
    impaired = prosody.measure(said[2], words)
    assert _spread(restored.f0_hz[0].numpy()) > impaired.f0_spread_semitones


def _seconds(plan: Plan) -> float:
    return 0.025 * float(plan.frames.durations.sum())


def _spread(f0_hz: np.ndarray) -> float:
    semitones = 12 * np.log2(f0_hz[f0_hz > 60])
    return float(np.subtract(*np.quantile(semitones, [0.84, 0.16]))) / 2


def test_strength_0_is_the_voices_own_way(engine: KokoroEngine, own: Voice, clear: Audio, usual: Baseline) -> None:
    none, flat = _planned(engine, own, _manner(clear, usual, own, strength=0.0)), _planned(engine, own, Manner())
    assert torch.equal(none.frames.durations, flat.frames.durations)
    assert torch.equal(none.f0_hz, flat.f0_hz) and torch.equal(none.energy, flat.energy)


def test_half_strength_lies_between(engine: KokoroEngine, own: Voice, clear: Audio, usual: Baseline) -> None:
    lengths = [_seconds(_planned(engine, own, _manner(clear, usual, own, strength=much))) for much in (0, 0.5, 1)]
    assert min(lengths[0], lengths[2]) - 0.1 <= lengths[1] <= max(lengths[0], lengths[2]) + 0.1


@pytest.mark.parametrize(
    "chosen",
    [
        "it was the cage of wisdom,",
        "something else entirely.",
        "It was the age of 25 wise men, of wisdom, it was.",
        "wisdom",
    ],
)
def test_words_that_were_not_heard_are_said_as_the_voice_would(
    engine: KokoroEngine, own: Voice, clear: Audio, usual: Baseline, chosen: str
) -> None:
    plan = _planned(engine, own, _manner(clear, usual, own), chosen)
    assert torch.isfinite(plan.f0_hz).all() and torch.isfinite(plan.energy).all()
    assert plan.f0_hz.shape[1] == plan.energy.shape[1] == 2 * int(plan.frames.durations.sum())
    assert 60 < float(plan.f0_hz[plan.f0_hz > 60].median()) < 400


@pytest.mark.parametrize("sound", ["silence", "noise", "click", "nothing"])
def test_sound_with_no_speech_in_it_is_no_error(engine: KokoroEngine, own: Voice, usual: Baseline, sound: str) -> None:
    samples = {
        "silence": np.zeros(16_000, np.float32),
        "noise": np.random.default_rng(1).uniform(-1, 1, 16_000).astype(np.float32),
        "click": np.eye(1, 16_000, 800, dtype=np.float32)[0],
        "nothing": np.zeros(0, np.float32),
    }[sound]
    frames = len(samples) // 160
    performance = Performance(
        Audio(samples, 16_000), WORDS, 0.01, np.full(frames, np.nan, np.float32), np.zeros(frames, np.float32)
    )
    for how in (_manner(Audio(samples, 16_000), usual, own), Manner(performance=performance)):
        plan = _planned(engine, own, how)
        assert torch.isfinite(plan.f0_hz).all() and torch.isfinite(plan.energy).all()
        assert 0.5 < _seconds(plan) < 8


def test_phones_are_found_where_they_are(engine: KokoroEngine) -> None:
    """In a sentence that nobody was taught by, whose every boundary is known, from durations that are not its own."""
    acoustics = engine._acoustics
    phones = acoustics.phones("My neighbour grows tomatoes behind the house.")
    speaker, other = (
        torch.from_numpy(acoustics.space.style(name, len(phones)))[None] for name in ("bm_lewis", "af_sky")
    )
    with torch.inference_mode():
        frames = acoustics.frames(phones, speaker)
        sound = acoustics.decode(frames, *acoustics.contours(frames, speaker), acoustics.modulation(speaker))
        guessed = acoustics.frames(phones, other)
    heard, loud = open_phone_sounds().heard(measure.resample(Audio(sound.numpy(), 24_000), 16_000).samples)
    pauses = np.array([True, *(phone in PAUSES for phone in phones), True])
    found_s = align(
        heard,
        loud,
        open_phone_sounds().expected(columns(guessed)),
        guessed.durations.numpy().astype(np.float32),
        pauses,
        [None] * len(pauses),
    )
    known_s = 0.025 * np.cumsum(frames.durations.numpy())
    assert np.median(np.abs(found_s[1:] - known_s)[:-2]) <= 0.025


def test_as_said_every_word_starts_when_it_did_also_after_a_pause_and_without_a_baseline(
    engine: KokoroEngine, own: Voice, clear: Audio
) -> None:
    """1.5 s of silence before 'age', of somebody of whom nothing is known."""
    silence, at = 1.5, round(0.6 * clear.rate_hz)
    samples = np.concatenate(
        [clear.samples[:at], np.zeros(round(silence * clear.rate_hz), np.float32), clear.samples[at:]]
    )
    later = [replace(word, start_s=word.start_s + silence, end_s=word.end_s + silence) for word in WORDS[3:]]
    words = (*WORDS[:3], *later)
    audio = Audio(samples, clear.rate_hz)
    how = manner.as_said(prosody.measure(audio, words), audio, words, None, own.measures)
    plan = _planned(engine, own, how)
    ends = np.concatenate([[0], np.cumsum(plan.frames.durations.numpy())]) * follow.STEP_S
    each = engine._acoustics.phones_of_each(TEXT.split())
    owners = [None, *words_of_phones(plan.phones, each), None]
    starts = np.array([ends[owners.index(word)] for word in range(len(words))])
    said = np.array([word.start_s for word in words])
    # Whisper's word times are off by so much themselves.
    assert np.abs((starts - starts[0]) - (said - said[0])).max() < 0.2
