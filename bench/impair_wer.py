"""How hard each simulated severity is for the recogniser: `python -m bench.impair_wer [seed ...]` prints a table.

The corpus is `bench.two_cities` in 18 utterances, Whisper base (int8, beam 5, no fallback to sampling, so that every
run gives the same words). Invented loops would let one utterance outweigh all others; `no_repeat_ngram_size` ends them.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence

from faster_whisper import WhisperModel

from bench.impair import SEVERITIES, impair
from bench.measure import resample, word_error_rate
from bench.two_cities import enrolment, held_out
from workers import models
from workers.contracts import RECOGNITION_RATE_HZ, Audio, Clip

_LOOP_TOKENS = 5


def hear(recogniser: WhisperModel, audio: Audio) -> str:
    """What Whisper makes of `audio`, the same words every time."""
    segments, _ = recogniser.transcribe(
        resample(audio, RECOGNITION_RATE_HZ).samples,
        language="en",
        beam_size=5,
        temperature=0.0,
        no_repeat_ngram_size=_LOOP_TOKENS,
        condition_on_previous_text=False,
    )
    return " ".join(segment.text.strip() for segment in segments)


def simulated_wer(recogniser: WhisperModel, clips: Sequence[Clip], severity: str, seeds: Sequence[int]) -> float:
    """Word error rate over all clips and seeds at one simulated severity."""
    said = [clip.text for _ in seeds for clip in clips]
    heard = [hear(recogniser, impair(clip.audio, severity, seed)) for seed in seeds for clip in clips]
    return word_error_rate(said, heard)


def main(arguments: Sequence[str]) -> None:
    """Print the table; the arguments are seeds (1 if there are none)."""
    seeds = [int(argument) for argument in arguments] or [1]
    recogniser = WhisperModel(str(models.path("whisper-base")), device="cpu", compute_type="int8", cpu_threads=1)
    clips = (*enrolment(), *held_out())
    sys.stdout.write(f"Simulated impairment, {len(clips)} utterances, seeds {seeds}, Whisper base\nseverity   WER %\n")
    for severity in SEVERITIES:
        of_severity = seeds[:1] if severity == "clean" else seeds
        wer = simulated_wer(recogniser, clips, severity, of_severity)
        sys.stdout.write(f"{severity:<9} {wer * 100:6.1f}\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main(sys.argv[1:])
