"""What happens to a recording on its way: codecs, a telephone line, noise, cuts, other speeds, other levels.

Every change takes sound and gives sound, of another rate or length where that is the point. Nothing here is aimed at
a watermark: it is what a phone, a messenger or a careless editor does.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import av
import librosa
import numpy as np
import soxr

from bench.measure import resample
from workers.contracts import Audio, FloatArray

Change = Callable[[Audio], Audio]

TELEPHONE_HZ = 8_000
_OPUS_HZ = 48_000
_SEED = 11


@dataclass(frozen=True)
class Attack:
    """One way of changing sound, with the words that a table names it by."""

    name: str
    words: str
    change: Change


def through_codec(audio: Audio, codec: str, container: str, rate_hz: int, bit_rate: int | None = None) -> Audio:
    """`audio` coded and decoded again by libav, at `rate_hz`. A coder's delay stays in, as it would on the way."""
    samples = np.clip(resample(audio, rate_hz).samples, -1.0, 1.0)
    file = io.BytesIO()
    with av.open(file, "w", format=container) as out:
        stream: Any = out.add_stream(codec, rate=rate_hz)
        stream.layout = "mono"
        if bit_rate is not None:
            stream.bit_rate = bit_rate
        resampler = av.AudioResampler(format=stream.format, layout="mono", rate=rate_hz)
        frame = av.AudioFrame.from_ndarray(np.round(samples * 32767).astype(np.int16)[None], "s16", "mono")
        frame.rate, frame.pts, frame.time_base = rate_hz, 0, Fraction(1, rate_hz)
        # Coders want frames of one length: a queue cuts them.
        queue = av.AudioFifo()
        for converted in resampler.resample(frame):
            queue.write(converted)
        size = stream.codec_context.frame_size or 1024
        while (piece := queue.read(size, partial=True)) is not None:
            out.mux(stream.encode(piece))
        out.mux(stream.encode(None))
    file.seek(0)
    back: Any
    with av.open(file, "r") as back:
        pieces = [_floats(frame) for frame in back.decode(audio=0)]
        rate = back.streams.audio[0].rate
    return Audio(np.concatenate(pieces), int(rate))


def telephone(audio: Audio) -> Audio:
    """8 kHz, 300 to 3400 Hz (ITU-T G.712's band, cut in the spectrum), as a fixed line carries it."""
    low = resample(audio, TELEPHONE_HZ)
    spectrum = np.fft.rfft(low.samples)
    hz = np.fft.rfftfreq(len(low.samples), 1 / TELEPHONE_HZ)
    spectrum[(hz < 300) | (hz > 3400)] = 0
    return Audio(np.fft.irfft(spectrum, n=len(low.samples)).astype(np.float32), TELEPHONE_HZ)


def noisy(audio: Audio, snr_db: float) -> Audio:
    """White noise added, `snr_db` under the sound."""
    noise = np.random.default_rng(_SEED).standard_normal(len(audio.samples)).astype(np.float32)
    level = float(np.sqrt(np.mean(np.square(audio.samples))))
    return Audio(audio.samples + noise * np.float32(level * 10 ** (-snr_db / 20)), audio.rate_hz)


def cut(audio: Audio, seconds: float) -> Audio:
    """`seconds` out of the middle."""
    length = min(len(audio.samples), int(seconds * audio.rate_hz))
    start = (len(audio.samples) - length) // 2
    return Audio(audio.samples[start : start + length], audio.rate_hz)


def replayed(audio: Audio, speed: float) -> Audio:
    """Played at another speed, as a tape would be: the pitch moves too."""
    samples = soxr.resample(audio.samples, audio.rate_hz, audio.rate_hz / speed)
    return Audio(np.asarray(samples, np.float32), audio.rate_hz)


def stretched(audio: Audio, speed: float) -> Audio:
    """Played at another speed with the pitch kept: a phase vocoder."""
    samples = librosa.effects.time_stretch(audio.samples, rate=speed)
    return Audio(np.asarray(samples, np.float32), audio.rate_hz)


def louder(audio: Audio, gain_db: float) -> Audio:
    """Another level; what goes over full scale is cut off."""
    return Audio(np.clip(audio.samples * np.float32(10 ** (gain_db / 20)), -1.0, 1.0), audio.rate_hz)


def _mu_law(audio: Audio) -> Audio:
    return through_codec(telephone(audio), "pcm_mulaw", "wav", TELEPHONE_HZ)


ATTACKS: Mapping[str, Attack] = {
    attack.name: attack
    for attack in (
        Attack("untouched", "as it was made", lambda audio: audio),
        Attack("opus16", "Opus, 16 kbit/s", lambda audio: through_codec(audio, "libopus", "ogg", _OPUS_HZ, 16_000)),
        Attack("mp3_64", "MP3, 64 kbit/s", lambda audio: through_codec(audio, "libmp3lame", "mp3", 24_000, 64_000)),
        Attack("telephone", "telephone line, 8 kHz", telephone),
        Attack("telephone_mu_law", "telephone line, 8 kHz, mu-law", _mu_law),
        Attack("noise10", "white noise, 10 dB under the speech", lambda audio: noisy(audio, 10.0)),
        Attack("cut1", "one second out of the middle", lambda audio: cut(audio, 1.0)),
        Attack("slower_tape", "played at 0.9, pitch moves", lambda audio: replayed(audio, 0.9)),
        Attack("faster_tape", "played at 1.1, pitch moves", lambda audio: replayed(audio, 1.1)),
        Attack("slower_stretched", "slowed to 0.9, pitch kept", lambda audio: stretched(audio, 0.9)),
        Attack("faster_stretched", "sped up to 1.1, pitch kept", lambda audio: stretched(audio, 1.1)),
        Attack("quieter", "20 dB quieter", lambda audio: louder(audio, -20.0)),
        Attack("clipped", "12 dB louder, peaks cut off", lambda audio: louder(audio, 12.0)),
    )
}


def _floats(frame: av.AudioFrame) -> FloatArray:
    samples = frame.to_ndarray()
    scale = 32768.0 if samples.dtype == np.int16 else 1.0
    return np.asarray(samples.reshape(-1) if samples.shape[0] == 1 else samples[0], np.float32) / np.float32(scale)
