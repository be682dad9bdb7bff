"""How near a fitted voice comes: `python -m bench.voice_similarity [--budget SECONDS]`.

Fits on the first two thirds of the human reading, judges on the last third by the encoder that no fit sees, and prints
one JSON object: similarity on the 0 to 1 scale with raw figures, word error rate, DNSMOS, seconds.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import time

from bench import measure, two_cities
from workers import models
from workers.contracts import Audio
from workers.speak.kokoro import KokoroEngine
from workers.speak.similarity import compare
from workers.understand.recogniser import Recogniser


def main() -> None:
    """Fit, judge, print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--budget", type=float, default=None, help="seconds for the search")
    budget_s = parser.parse_args().budget
    engine = KokoroEngine()
    begun = time.monotonic()
    voice = engine.fit(
        two_cities.enrolment(),
        budget_s=budget_s,
        progress=lambda share, sentence: print(f"{share:4.0%} {sentence}", file=sys.stderr),  # noqa: T201
    )
    fit_s = time.monotonic() - begun
    held_out = two_cities.held_out()
    texts = [clip.text for clip in held_out]
    similarity = compare(engine, voice, enrolled=two_cities.historic(), second_real=held_out, texts=texts)
    recogniser = Recogniser(models.path("whisper-base"))
    begun = time.monotonic()
    spoken: list[list[Audio]] = [[speech.audio for speech in engine.say(text, voice)] for text in texts]
    say_s = time.monotonic() - begun
    sounds = [measure.joined(pieces) for pieces in spoken]
    heard = [recogniser.transcribe(sound).text for sound in sounds]
    result = {
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
    print(json.dumps(result, indent=2))  # noqa: T201


if __name__ == "__main__":
    main()
