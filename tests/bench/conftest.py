"""The recogniser of the benchmarks, opened once."""

from __future__ import annotations

import pytest
from faster_whisper import WhisperModel

from workers import models


@pytest.fixture(scope="session")
def whisper() -> WhisperModel:
    return WhisperModel(str(models.path("whisper-base")), device="cpu", compute_type="int8", cpu_threads=1)
