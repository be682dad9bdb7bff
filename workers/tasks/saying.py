"""What a patient said for learning: the sound from the first word to the last."""

from __future__ import annotations

from clinic.vault import get_vault
from workers.activity import speech_spans
from workers.contracts import RECOGNITION_RATE_HZ, Audio
from workers.hear.decode import decode

#: Left around the words: voice activity is late by less.
_AROUND_S = 0.3


def sound_of(patient_id: str, blob_id: str) -> Audio:
    """A recording at 16 kHz, without the silence before its first word and after its last.

    Whoever needs ten seconds to begin has not said a long sentence. One without speech comes as it is.
    """
    audio = decode(get_vault().get_blob(patient_id, blob_id), rate_hz=RECOGNITION_RATE_HZ).audio
    speech = speech_spans(audio)
    if not speech:
        return audio
    start = max(0, round((speech[0][0] - _AROUND_S) * audio.rate_hz))
    return Audio(audio.samples[start : round((speech[-1][1] + _AROUND_S) * audio.rate_hz)], audio.rate_hz)
