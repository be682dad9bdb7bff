"""What is spoken in a patient's voice, as a file: marked as synthetic, and with its signed provenance inside."""

from __future__ import annotations

import io
from collections.abc import Mapping
from typing import Any

import numpy as np

from clinic.database import now
from clinic.vault import get_vault
from workers.contracts import Audio, Manner, SpokenError, Voice
from workers.speak import provenance
from workers.tasks import rooms


def say(text: str, voice: Voice, pronunciations: Mapping[str, str] | None = None) -> Audio:
    """`text` in `voice`, in its own manner, marked. For whoever waits for the whole; the live path streams."""
    speeches = rooms.engine().say(text, voice, Manner(), pronunciations=pronunciations)
    pieces = [rooms.watermark().mark(speech.audio) for speech in speeches]
    if not pieces:
        raise SpokenError("nothing_to_say", "There was nothing in this that can be spoken.")
    return Audio(np.concatenate([piece.samples for piece in pieces]), pieces[0].rate_hz)


def signed(audio: Audio, *, subject_id: str, voice_id: str) -> tuple[bytes, Mapping[str, Any]]:
    """A WAV file of `audio` with its signed record, and that record. `subject_id`: the row that it belongs to."""
    engine = rooms.engine()
    record = provenance.sign(
        audio,
        private_key_pem=get_vault().signing_key_pem(),
        utterance_id=subject_id,
        voice_id=voice_id,
        engine=engine.name,
        model=engine.model,
        revision=engine.revision,
        created_at=now(),
    )
    file = io.BytesIO()
    provenance.write_wav(file, audio, record)
    return file.getvalue(), record
