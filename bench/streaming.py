"""How soon speech begins, and what streaming costs: `python -m bench.streaming [--json] [--only PART ...]`.

Parts: 'speed' (first sound, real-time factors of all runtimes side by side), 'sound' (streamed against whole clauses),
'cancel', 'memory' (200 sentences). Voices are public ones: likeness is not judged here. Everything is timed in turns in
one run, medians are given, and the machine's load with them. Seconds of processor time say what other work hides.
"""

from __future__ import annotations

import argparse
import gc
import json
import os
import statistics
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch

from bench import measure
from bench.onnx_generator import OnnxGenerator, PublishedInt8
from workers import models
from workers.contracts import SPEECH_RATE_HZ, Audio, FloatArray, Manner, Stopped, Voice
from workers.speak.generator import REACH, SOURCE_STEPS
from workers.speak.kokoro import KokoroEngine
from workers.speak.level import at_level
from workers.speak.plan import Plan
from workers.speak.stretches import stretches

#: Twelve words, and no place to breathe.
SENTENCE = "Please tell my daughter that I would like some water this morning."
TEXTS = (
    SENTENCE,
    "I slept badly and my left arm hurts.",
    "Could you open the window a little and turn off the light?",
    "My sister and her two boys are coming to see me on Sunday afternoon.",
    "Thank you for reading to me, that is much better than the radio.",
    "The nurse changed the dressing at half past seven, and she said it looks clean.",
)
SHORT = ("Yes, please.", "Not today.", "I would like some tea.", "Is it raining?")
#: Sentences of 1.2 to 2 s, the most of what is said at a bedside. No voice's statistics were told from them.
BRIEF = (
    "Could you help me up?",
    "My back hurts.",
    "Where is my wife?",
    "It is too bright in here.",
    "Please open the window.",
    "The pain is worse today.",
)
VOICES = ("am_michael", "af_heart")
THREADS = 2
#: What a voice needs beside its style to be spoken in; a fit measures these.
MEASURES = {"pace": 1.0, "f0_ratio": 1.0, "f0_movement": 1.0, "gain_db": 6.0}


def public_voice(engine: KokoroEngine, name: str) -> Voice:
    """One of Kokoro's own voices."""
    style = engine._acoustics.space.style(name, 61).astype(np.float32)
    return Voice(engine.name, engine.model, engine.revision, {"style": style}, MEASURES)


def speed(engine: KokoroEngine, repeats: int) -> dict[str, Any]:
    """First sound, and real-time factors side by side."""
    voice = public_voice(engine, VOICES[0])
    renderer, acoustics = engine._renderer, engine._acoustics
    # Not in inference mode: the exporter takes no tensors that were made there.
    with torch.no_grad():
        plan = _plan(engine, SENTENCE, voice)
        known = engine._statistics_of(voice).at(plan.spoken_s)
        prepared = renderer.prepared(plan, known)
        exported = OnnxGenerator(renderer._generator, plan.modulation, known, THREADS)
    int8 = PublishedInt8(THREADS)
    tokens = [acoustics._net.vocab[phone] for phone in plan.phones]
    frames = plan.frames.text.shape[2]
    whole_s = frames / 40
    cuts = stretches(plan.text, plan.phones, plan.frames.durations.tolist(), first=True)
    cut_s = (cuts[-1].stop - cuts[0].start) / 40

    def windowed_onnx() -> None:
        for cut in cuts:
            left, right = max(0, 2 * cut.start - REACH), min(2 * frames, 2 * cut.stop + REACH)
            steps = slice(left * SOURCE_STEPS, right * SOURCE_STEPS + 1)
            exported(prepared.features[..., left:right], prepared.source[..., steps])

    def windowed_torch() -> None:
        for cut in cuts:
            renderer.sound(prepared, cut.start, cut.stop)

    first: list[float] = []

    def streamed() -> None:
        begun = time.monotonic()
        for place, _ in enumerate(engine.say(SENTENCE, voice)):
            if place == 0:
                first.append(time.monotonic() - begun)

    def as_before() -> None:
        plan = _plan(engine, SENTENCE, voice)
        acoustics.decode(plan.frames, plan.f0_hz, plan.energy, plan.modulation)

    work: dict[str, tuple[Callable[[], object], float]] = {
        "streamed": (streamed, cut_s),
        "torch_whole_clause_upstream": (as_before, whole_s),
        "onnx_int8_published": (lambda: int8(tokens, voice.vectors["style"]), whole_s),
        "generator_torch": (windowed_torch, cut_s),
        "generator_onnx_fp32": (windowed_onnx, cut_s),
    }
    taken = _in_turns({name: run for name, (run, _) in work.items()}, repeats)
    walls = taken["streamed"].walls_s
    return {
        "first_sound_s": round(statistics.median(first[-repeats:]), 3),
        "whole_sentence_s": round(statistics.median(walls), 3),
        "first_to_whole": round(
            statistics.median(one / whole for one, whole in zip(first[-repeats:], walls, strict=True)), 3
        ),
        "sentence_lasts_s": round(cut_s, 2),
        "real_time_factor": {
            name: round(statistics.median(taken[name].walls_s) / length_s, 3) for name, (_, length_s) in work.items()
        },
        "processor_s_per_s": {
            name: round(statistics.median(taken[name].processor_s) / length_s, 3)
            for name, (_, length_s) in work.items()
        },
        "threads": THREADS,
        "repeats": repeats,
    }


@dataclass(frozen=True)
class _Taken:
    """What each run of one piece of work took: seconds by the clock, and of processor time."""

    walls_s: list[float] = field(default_factory=list)
    processor_s: list[float] = field(default_factory=list)


def _in_turns(work: Mapping[str, Callable[[], object]], repeats: int) -> dict[str, _Taken]:
    """Every work once, then again: what else the machine does meets all of them. The first round only warms up."""
    taken = {name: _Taken() for name in work}
    for turn in range(repeats + 1):
        for name, run in work.items():
            begun, used = time.monotonic(), time.process_time()
            with torch.inference_mode():
                run()
            if turn:
                taken[name].walls_s.append(time.monotonic() - begun)
                taken[name].processor_s.append(time.process_time() - used)
    return taken


def sound(engine: KokoroEngine) -> dict[str, Any]:
    """Streamed against the clause as upstream decodes it, twice: two draws of upstream's noise are what 'alike' is."""
    from workers.understand.recogniser import Recogniser

    recogniser = Recogniser(models.path("whisper-base"), threads=THREADS)
    return {"sentences": _sound(engine, recogniser, TEXTS), "brief": _sound(engine, recogniser, BRIEF)}


def _sound(engine: KokoroEngine, recogniser: Any, texts: Sequence[str]) -> dict[str, Any]:
    from workers.speak.watermark import Watermark

    watermark = Watermark()
    sounds: dict[str, list[Audio]] = {"whole": [], "whole_again": [], "streamed": []}
    steps: list[float] = []
    seams: list[float] = []
    marks: list[float] = []
    apart_db: list[float] = []
    for name in VOICES:
        voice = public_voice(engine, name)
        for text in texts:
            plan = _plan(engine, text, voice)
            for kind in ("whole", "whole_again"):
                with torch.inference_mode():
                    decoded = engine._acoustics.decode(plan.frames, plan.f0_hz, plan.energy, plan.modulation).numpy()
                sounds[kind].append(Audio(at_level(decoded, plan.gain_db), SPEECH_RATE_HZ))
            pieces = [speech.audio for speech in engine.say(text, voice)]
            sounds["streamed"].append(measure.joined(pieces))
            marked = [watermark.mark(piece).samples for piece in pieces]
            laid = np.concatenate(marked)
            if len(marked) > 1:
                steps += _steps(marked)
                seams.append(_seams_db(engine, plan, voice))
                apart_db.append(_apart_db(engine, plan, voice))
            seconds = range(0, len(laid) - SPEECH_RATE_HZ, SPEECH_RATE_HZ // 2)
            marks += [
                watermark.detect(Audio(laid[at : at + SPEECH_RATE_HZ], SPEECH_RATE_HZ)).confidence for at in seconds
            ]
    said = [*texts] * len(VOICES)
    return {
        "word_error_rate": {
            kind: round(measure.word_error_rate(said, [recogniser.transcribe(one).text for one in made]), 4)
            for kind, made in sounds.items()
            if kind != "whole_again"
        },
        "dnsmos": {
            kind: round(statistics.fmean(measure.opinion_score(one) for one in made), 3)
            for kind, made in sounds.items()
        },
        "largest_step_at_a_join": round(max(steps), 3),
        "pieces_against_one_go_db": round(max(seams), 1),
        "spectral_distance_db": round(statistics.median(apart_db), 2),
        "mark_in_each_second": round(min(marks), 3) if marks else None,
        "sentences": len(said),
        "in_pieces": len(apart_db),
    }


def _apart_db(engine: KokoroEngine, plan: Plan, voice: Voice) -> float:
    """Log-spectral distance, in the loudest 40 dB, to the same noise with the statistics of the clause itself."""
    renderer, frames = engine._renderer, plan.frames.text.shape[2]
    with torch.inference_mode():
        told = engine._statistics_of(voice).at(plan.spoken_s)
        one, other = (
            torch.from_numpy(renderer.sound(renderer.prepared(plan, statistics), 0, frames))
            for statistics in (None, told)
        )
    window = torch.hann_window(1024)
    levels = [
        20 * torch.stft(sound, 1024, 256, window=window, return_complex=True).abs().clamp(min=1e-4).log10()
        for sound in (one, other)
    ]
    loudest = levels[0].amax(dim=0)
    difference = (levels[0] - levels[1])[:, loudest > loudest.max() - 40]
    return float(difference.square().mean(dim=0).sqrt().mean())


def _steps(pieces: list[FloatArray]) -> list[float]:
    """The step between two pieces over the largest within 25 ms of it: over 1 it would be a click."""
    found = []
    laid = np.abs(np.diff(np.concatenate(pieces)))
    at = 0
    for piece in pieces[:-1]:
        at += len(piece)
        near = np.concatenate([laid[at - 600 : at - 1], laid[at : at + 600]])
        found.append(float(laid[at - 1] / max(near.max(), 0.004)))
    return found


def _seams_db(engine: KokoroEngine, plan: Plan, voice: Voice) -> float:
    """How far pieces laid end to end are from the same clause made in one go, in dB under the speech."""
    with torch.inference_mode():
        prepared = engine._renderer.prepared(plan, engine._statistics_of(voice).at(plan.spoken_s))
        cuts = stretches(plan.text, plan.phones, plan.frames.durations.tolist(), first=True)
        laid = np.concatenate([engine._renderer.sound(prepared, cut.start, cut.stop) for cut in cuts])
        whole = engine._renderer.sound(prepared, cuts[0].start, cuts[-1].stop)
    return float(10 * np.log10(np.mean((laid - whole) ** 2) / np.mean(whole**2) + 1e-20))


def cancel(engine: KokoroEngine, times: int) -> dict[str, Any]:
    """Seconds from the wish to stop until `Stopped`, asked for at all kinds of moments."""
    voice = public_voice(engine, VOICES[0])
    waits: list[float] = []
    for number in range(times):
        wish = threading.Event()
        wished: list[float] = []

        def stop(wish: threading.Event = wish, wished: list[float] = wished) -> None:
            wished.append(time.monotonic())
            wish.set()

        timer = threading.Timer(0.05 + 0.07 * number, stop)
        timer.start()
        try:
            for _ in engine.say(" ".join(TEXTS), voice, cancelled=wish.is_set):
                pass
        except Stopped:
            waits.append(time.monotonic() - wished[0])
        timer.cancel()
    return {"median_s": round(statistics.median(waits), 3), "longest_s": round(max(waits), 3), "times": len(waits)}


def memory(engine: KokoroEngine, sentences: int) -> dict[str, Any]:
    """Growth over many sentences, a third of them given up after the first piece."""
    voice = public_voice(engine, VOICES[0])
    at: dict[int, float] = {}
    for number in range(sentences + 20):
        pieces = engine.say(SENTENCE if number % 3 == 0 else SHORT[number % len(SHORT)], voice)
        if number % 3 == 0:
            next(pieces)
            pieces.close()
        else:
            for _ in pieces:
                pass
        if number in (19, sentences + 19):
            gc.collect()
            at[number] = _own_memory_mb()
    before, after = at[19], at[sentences + 19]
    return {"growth_mb": round(after - before, 1), "own_mb": round(after), "sentences": sentences}


def _own_memory_mb() -> float:
    """Memory of this process's own: pages of the mapped weights come and go as the system likes."""
    status = Path("/proc/self/status").read_text(encoding="ascii").splitlines()
    return next(int(line.split()[1]) for line in status if line.startswith("RssAnon:")) / 1e3


def _plan(engine: KokoroEngine, text: str, voice: Voice) -> Plan:
    return engine._plan(text, engine._acoustics.phones(text), voice, Manner())


def main() -> None:
    """Measure what was asked for, and print it."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", action="store_true", help="one JSON object (it always is)")
    parser.add_argument("--only", nargs="+", choices=("speed", "sound", "cancel", "memory"))
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--sentences", type=int, default=200, help="for 'memory'")
    asked = parser.parse_args()
    torch.set_num_threads(THREADS)
    engine = KokoroEngine()
    parts: dict[str, Callable[[], dict[str, Any]]] = {
        "speed": lambda: speed(engine, asked.repeats),
        "sound": lambda: sound(engine),
        "cancel": lambda: cancel(engine, 12),
        "memory": lambda: memory(engine, asked.sentences),
    }
    figures: dict[str, Any] = {}
    for name in asked.only or parts:
        before = os.getloadavg()[0]
        figures[name] = {**parts[name](), "load": [round(before, 1), round(os.getloadavg()[0], 1)]}
        print(f"{name}: done", file=sys.stderr)  # noqa: T201
    print(json.dumps(figures, indent=2))  # noqa: T201


if __name__ == "__main__":
    main()
