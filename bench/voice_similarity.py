"""How near a fitted voice comes: `python -m bench.voice_similarity [--budget SECONDS] [--recordings FOLDER]`.

Fits on the first two thirds of the human reading, judges on the last third by the encoder that no fit sees, and prints
one JSON object: similarity on the 0 to 1 scale with raw figures, word error rate, DNSMOS, seconds. With a folder of
short WAV files of one other speaker, 45 s of them drawn by `--seed` are enrolled and 15 s others judged on; their words
are Whisper's.
"""

from __future__ import annotations

import argparse
import json
import random
import statistics
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from bench import measure, two_cities
from workers import models
from workers.contracts import Audio, Clip
from workers.hear.decode import decode
from workers.speak.kokoro import KokoroEngine
from workers.speak.similarity import compare
from workers.understand.recogniser import Recogniser

ENROLLED_S, JUDGED_S = 45.0, 15.0
LENGTH_S = (2.0, 6.0)


def main() -> None:
    """Fit, judge, print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--budget", type=float, default=None, help="seconds for the search")
    parser.add_argument("--recordings", type=Path, default=None, help="folder of one speaker's short WAV files")
    parser.add_argument("--seed", type=int, default=3)
    asked = parser.parse_args()
    recogniser = Recogniser(models.path("whisper-base"))
    enrolled: Sequence[Clip] = two_cities.enrolment()
    held_out: Sequence[Clip] = two_cities.held_out()
    if asked.recordings is not None:
        enrolled, held_out = _drawn(asked.recordings, asked.seed, recogniser)
    print(json.dumps(_judged(enrolled, held_out, asked.budget, recogniser), indent=2))  # noqa: T201


def _drawn(folder: Path, seed: int, recogniser: Recogniser) -> tuple[list[Clip], list[Clip]]:
    """Clips to enrol, and others to judge on, by chance."""
    paths = sorted(folder.rglob("*.wav"))
    random.Random(seed).shuffle(paths)
    drawn: tuple[list[Clip], list[Clip]] = ([], [])
    wanted_s = [ENROLLED_S, JUDGED_S]
    for path in paths:
        audio = decode(path).audio
        part = 0 if wanted_s[0] > 0 else 1
        if wanted_s[part] <= 0:
            break
        if not LENGTH_S[0] < audio.duration_s < LENGTH_S[1]:
            continue
        transcript = recogniser.transcribe(audio)
        if transcript.gate is None:
            drawn[part].append(Clip(audio, transcript.text))
            wanted_s[part] -= audio.duration_s
    return drawn


def _judged(
    enrolled: Sequence[Clip], held_out: Sequence[Clip], budget_s: float | None, recogniser: Recogniser
) -> dict[str, object]:
    engine = KokoroEngine()
    begun = time.monotonic()
    voice = engine.fit(
        enrolled,
        budget_s=budget_s,
        progress=lambda share, sentence: print(f"{share:4.0%} {sentence}", file=sys.stderr),  # noqa: T201
    )
    fit_s = time.monotonic() - begun
    texts = [clip.text for clip in held_out]
    whole = measure.joined([clip.audio for clip in enrolled])
    similarity = compare(engine, voice, enrolled=whole, second_real=held_out, texts=texts)
    begun = time.monotonic()
    spoken: list[list[Audio]] = [[speech.audio for speech in engine.say(text, voice)] for text in texts]
    say_s = time.monotonic() - begun
    sounds = [measure.joined(pieces) for pieces in spoken]
    heard = [recogniser.transcribe(sound).text for sound in sounds]
    return {
        "normalised": similarity.normalised,
        "raw": similarity.raw,
        "nearest_public": similarity.nearest_public,
        "nearest_public_name": similarity.nearest_public_name,
        "second_real": similarity.second_real,
        "wer": measure.word_error_rate(texts, heard),
        "dnsmos": statistics.fmean(measure.opinion_score(sound) for sound in sounds),
        "fit_s": fit_s,
        "say_real_time_factor": say_s / sum(sound.duration_s for sound in sounds),
        "measures": dict(voice.measures),
    }


if __name__ == "__main__":
    main()
