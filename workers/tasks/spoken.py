"""What is spoken in a patient's voice, as a file: marked as synthetic, and with its signed provenance inside."""

from __future__ import annotations

import io
import logging
from collections.abc import Mapping
from typing import Any

import numpy as np

from clinic.database import now
from clinic.vault import get_vault
from workers.contracts import Audio, Manner, SpokenError, Voice
from workers.speak import credentials, provenance
from workers.tasks import rooms

log = logging.getLogger(__name__)


def say(text: str, voice: Voice, pronunciations: Mapping[str, str] | None = None) -> Audio:
    """`text` in `voice`, in its own manner, marked. For whoever waits for the whole; the live path streams."""
    speeches = rooms.engine_of(voice).say(text, voice, Manner(), pronunciations=pronunciations)
    pieces = [rooms.watermark().mark(speech.audio) for speech in speeches]
    if not pieces:
        raise SpokenError("nothing_to_say", "There was nothing in this that can be spoken.")
    return Audio(np.concatenate([piece.samples for piece in pieces]), pieces[0].rate_hz)


def signed(audio: Audio, voice: Voice, *, subject_id: str, voice_id: str) -> tuple[bytes, Mapping[str, Any]]:
    """A WAV file of `audio` with its signed record, and that record. `subject_id`: the row that it belongs to."""
    record = provenance.sign(
        audio,
        private_key_pem=get_vault().signing_key_pem(),
        utterance_id=subject_id,
        voice_id=voice_id,
        engine=voice.engine,
        model=voice.model,
        revision=voice.revision,
        created_at=now(),
    )
    file = io.BytesIO()
    provenance.write_wav(file, audio, record)
    return _with_credentials(file.getvalue()), record


def _with_credentials(wav: bytes) -> bytes:
    """`wav` with its C2PA manifest; as it is where the hospital's certificate does not serve: the record is in it."""
    try:
        return credentials.attach(wav, get_vault().claim_signer_pem())
    except SpokenError as error:
        log.warning("%s", error.message)
        return wav
