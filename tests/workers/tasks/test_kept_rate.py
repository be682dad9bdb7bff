"""Files are kept at the rate that the hospital asked for, and last as long as what was spoken."""

from __future__ import annotations

import io
import wave

import numpy as np
import pytest

from workers.contracts import Audio
from workers.tasks.sound import at_rate, wav_bytes

SPOKEN = Audio(np.sin(2 * np.pi * 440 * np.arange(24_000) / 24_000).astype(np.float32) / 2, 24_000)


@pytest.mark.parametrize("rate_hz", [24_000, 48_000])
def test_a_kept_file_has_the_rate_that_was_asked_for(rate_hz: int) -> None:
    with wave.open(io.BytesIO(wav_bytes(at_rate(SPOKEN, rate_hz)))) as file:
        assert file.getframerate() == rate_hz and file.getnframes() == rate_hz
        samples = np.frombuffer(file.readframes(rate_hz), "<i2") / 32_768
    inner = samples[rate_hz // 10 : -rate_hz // 10]
    assert np.abs(inner).max() == pytest.approx(0.5, abs=0.01)
    # A tone stays where it was: 440 turns a second.
    assert np.count_nonzero((inner[:-1] < 0) & (inner[1:] >= 0)) == pytest.approx(440 * 0.8, abs=2)
