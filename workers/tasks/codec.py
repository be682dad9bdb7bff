"""Between what the rooms hand each other and what is sealed in the database: JSON, WAV bytes, packed arrays."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

import numpy as np

from workers.contracts import Feeling, FloatArray, Reading, Transcript, Word


def transcript_to_json(transcript: Transcript) -> dict[str, Any]:
    """Plain JSON that `transcript_from_json` opens again."""
    return asdict(transcript)


def transcript_from_json(data: Mapping[str, Any]) -> Transcript:
    """The way back."""
    return Transcript(
        text=data["text"],
        words=tuple(Word(**word) for word in data["words"]),
        confidence=data["confidence"],
        language=data["language"],
        readings=tuple(Reading(**reading) for reading in data["readings"]),
        gate=data["gate"],
        speech_s=data["speech_s"],
    )


def feeling_to_json(feeling: Feeling, prosody: Mapping[str, Any]) -> dict[str, Any]:
    """What is kept of how an utterance was said: both scores with their cues, and the compact prosody."""
    return {**asdict(feeling), "prosody": dict(prosody)}


def pack_arrays(arrays: Mapping[str, FloatArray]) -> bytes:
    """Named float32 arrays as safetensors: no pickle is written or read."""
    from safetensors.numpy import save

    return save({name: np.ascontiguousarray(array, dtype=np.float32) for name, array in arrays.items()})


def unpack_arrays(data: bytes) -> dict[str, FloatArray]:
    """The way back."""
    from safetensors.numpy import load

    return {name: np.asarray(array, dtype=np.float32) for name, array in load(data).items()}


def pcm16(samples: FloatArray) -> bytes:
    """16-bit little-endian PCM of samples in −1..1, rounded and never wrapped."""
    return np.round(np.clip(samples, -1.0, 1.0) * 32767.0).astype("<i2").tobytes()
