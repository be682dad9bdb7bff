"""What a recording is worth for building a voice: measured, and said in plain words."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np

from workers.activity import speech_spans
from workers.bandwidth import bandwidth_hz
from workers.contracts import ClipQuality
from workers.hear.decode import Decoded
from workers.hear.levels import clipped_share, snr_db
from workers.hear.speakers import Embed, more_than_one

GOOD, USABLE, UNUSABLE = "good", "usable", "unusable"

_LEAST_SPEECH_S = 1.0
_SHORT_SPEECH_S = 3.0
_SILENT_PEAK = 10 ** (-60 / 20)
_POOR_SNR_DB, _FAIR_SNR_DB = 6.0, 15.0
_POOR_CLIPPED, _FAIR_CLIPPED = 0.03, 0.001
_TELEPHONE_HZ = 4_200.0
_WIDE_HZ = 6_500.0


@dataclass(frozen=True)
class _Finding:
    severity: str
    reason: str


def measure(decoded: Decoded, *, embed: Embed | None = None) -> ClipQuality:
    """Judge a recording; decode it at its own rate (`rate_hz=None`), or its bandwidth cannot be seen.

    `embed` gives a unit-norm speaker embedding of 16 kHz sound; without it the number of speakers is taken to be one.
    All numbers are finite: 0 where there is no speech to measure on. The verdict is that of the worst reason.
    """
    audio = decoded.audio
    speech = speech_spans(audio)
    speech_s = sum(end_s - start_s for start_s, end_s in speech)
    speakers = 2 if embed is not None and more_than_one(audio, speech, embed) else 1
    measured = ClipQuality(
        duration_s=audio.duration_s,
        speech_s=speech_s,
        snr_db=_finite(snr_db(audio, speech)),
        clipped_share=clipped_share(audio, speech),
        bandwidth_hz=_finite(bandwidth_hz(audio, speech)),
        speakers=speakers,
        verdict=GOOD,
    )
    silent = float(np.abs(audio.samples).max(initial=0.0)) < _SILENT_PEAK
    findings = _findings(measured, silent=silent, truncated=decoded.truncated)
    findings.sort(key=lambda finding: finding.severity != UNUSABLE)
    verdict = findings[0].severity if findings else GOOD
    return replace(measured, verdict=verdict, reasons=tuple(finding.reason for finding in findings))


def _findings(measured: ClipQuality, *, silent: bool, truncated: bool) -> list[_Finding]:
    if silent:
        return [_Finding(UNUSABLE, "This recording is silent. Check that it plays, and that it is the right one.")]
    if measured.speech_s == 0:
        return [_Finding(UNUSABLE, "No speech can be heard in this recording. Choose one with the person's voice.")]
    found = []
    if measured.speech_s < _LEAST_SPEECH_S:
        found.append(_Finding(UNUSABLE, "There is less than a second of speech here. Choose a longer recording."))
    if measured.speakers > 1:
        found.append(_Finding(UNUSABLE, "Somebody else speaks in this clip; cut them out or use another clip."))
    found += _noise(measured.snr_db) + _clipping(measured.clipped_share) + _bandwidth(measured.bandwidth_hz)
    if truncated:
        found.append(
            _Finding(
                USABLE, "The file breaks off before its end; all that is there is kept. Copy it again for the rest."
            )
        )
    if _LEAST_SPEECH_S <= measured.speech_s < _SHORT_SPEECH_S:
        found.append(_Finding(USABLE, "There are only a few seconds of speech here. Longer recordings help more."))
    return found


def _noise(snr: float) -> list[_Finding]:
    if snr < _POOR_SNR_DB:
        return [_Finding(UNUSABLE, "The noise is nearly as loud as the voice. Use a recording from a quieter place.")]
    if snr < _FAIR_SNR_DB:
        return [_Finding(USABLE, "There is a good deal of noise behind the voice. A quieter recording would help.")]
    return []


def _clipping(share: float) -> list[_Finding]:
    if share > _POOR_CLIPPED:
        return [_Finding(UNUSABLE, "The voice is badly distorted: it was recorded far too loud. Use another clip.")]
    if share > _FAIR_CLIPPED:
        return [_Finding(USABLE, "The loudest parts are distorted, because it was recorded too loud.")]
    return []


def _bandwidth(hz: float) -> list[_Finding]:
    if hz < _TELEPHONE_HZ:
        advice = "Such recordings alone hardly make a voice theirs: add one from a video, a talk or a voice message."
        return [_Finding(USABLE, f"This sounds like a telephone recording. {advice}")]
    if hz < _WIDE_HZ:
        return [_Finding(USABLE, "The recording is muffled: its high tones are missing. A clearer one would help.")]
    return []


def _finite(value: float) -> float:
    return value if math.isfinite(value) else 0.0
