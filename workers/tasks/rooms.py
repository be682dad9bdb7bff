"""The models that this worker process holds, each opened once, on first use, and shared by its threads.

Importing this imports no model library: a forked child must not inherit a CUDA context, and the clinic's tests of the
tasks' logic must not pay for torch.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from typing import TYPE_CHECKING, Any, TypeVar

from clinic.settings import get_settings

if TYPE_CHECKING:
    from workers.contracts import Audio, Clip, FloatArray, Voice
    from workers.speak.campplus import CamPlusPlus
    from workers.speak.encoders import GE2E
    from workers.speak.engine import Engine
    from workers.speak.watermark import Watermark
    from workers.understand.learn import Learning
    from workers.understand.phrases import Phrases
    from workers.understand.recogniser import Recogniser

Made = TypeVar("Made")
_opening = threading.RLock()


def _once(make: Callable[[], Made]) -> Callable[[], Made]:
    """`lru_cache` that also keeps two threads from opening the same weights at once."""
    cached = lru_cache(maxsize=1)(make)

    def get() -> Made:
        with _opening:
            return cached()

    return get


@_once
def recogniser() -> Recogniser:
    """Speech recognition, with the packaged weights."""
    from workers import models
    from workers.understand.recogniser import Recogniser

    return Recogniser(models.path("whisper-base"), threads=get_settings().torch_threads)


#: How many patients' recognisers a worker keeps open: some 150 MB each.
_MOST_ADAPTED = 4
_adapted: OrderedDict[str, Recogniser] = OrderedDict()


def adapted_recogniser(
    adapter_id: str, open_bytes: Callable[[], bytes], calibration: Mapping[str, Any] | None
) -> Recogniser:
    """Speech recognition with what was learned of one patient; those that were used last stay open.

    Raises SpokenError 'foreign_adapter', 'damaged_adapter', 'newer_adapter', and what `open_bytes` raises.
    """
    from workers import models
    from workers.understand import adapter
    from workers.understand import calibration as calibrating
    from workers.understand.recogniser import Recogniser

    with _opening:
        if adapter_id not in _adapted:
            learned = adapter.from_bytes(open_bytes())
            known = calibrating.from_json(calibration) if calibration else None
            _adapted[adapter_id] = Recogniser(
                models.path("whisper-base"),
                threads=get_settings().torch_threads,
                adapter=learned,
                calibration=known,
                everybodys=recogniser(),
            )
        _adapted.move_to_end(adapter_id)
        while len(_adapted) > _MOST_ADAPTED:
            _adapted.popitem(last=False)
        return _adapted[adapter_id]


def recognition_weights() -> str:
    """Names everybody's recognition weights: what was made of a sound by others cannot be compared with these."""
    from workers import models

    files = models.manifest().artefacts["whisper-base"].files
    return "whisper-base@" + next(file.sha256 for file in files if file.path.endswith("model.bin"))


#: Of how many patients the taught phrases stay open: some megabytes each.
_MOST_TAUGHT = 8
_taught: OrderedDict[str, tuple[tuple[str, ...], Phrases]] = OrderedDict()


def phrases(patient_id: str, examples: tuple[str, ...], make: Callable[[], Phrases]) -> Phrases:
    """The patient's taught phrases, made anew whenever their examples are others."""
    with _opening:
        if patient_id not in _taught or _taught[patient_id][0] != examples:
            _taught[patient_id] = examples, make()
        _taught.move_to_end(patient_id)
        while len(_taught) > _MOST_TAUGHT:
            _taught.popitem(last=False)
        return _taught[patient_id][1]


def learning(utterances: Sequence[Clip], clear: Sequence[Clip], spoken: Sequence[Clip], language: str) -> Learning:
    """Learning one patient on top of the packaged weights. Raises what `Learning` raises."""
    import torch

    from workers import models
    from workers.understand.learn import Learning

    torch.set_num_threads(get_settings().torch_threads)
    return Learning(models.path("whisper-base"), utterances, clear, language, get_settings().device, spoken=spoken)


def engine(name: str | None = None) -> Engine:
    """The engine that fits and speaks patients' voices: SAMEVOICE_ENGINE, or the one of that name.

    Raises SpokenError 'unknown_engine', and what the engine raises when its weights are not right.
    """
    with _opening:
        return _engine(name or get_settings().engine)


def engine_of(voice: Voice) -> Engine:
    """The engine that a voice was built with, whichever is set: in another one it would be another person's.

    Raises SpokenError 'engine_missing' where that engine cannot be opened here.
    """
    return engine_it_was_built_with(voice.engine)


def engine_it_was_built_with(name: str) -> Engine:
    """As `engine_of`, for a voice that is still sealed."""
    from workers.contracts import SpokenError

    try:
        return engine(name)
    except SpokenError as error:
        raise SpokenError(
            "engine_missing",
            f"This voice was built with the engine '{name}', which cannot be used here: {error.message} "
            "No other voice is used. Build the voice again, or make that engine available.",
        ) from error


@lru_cache(maxsize=4)
def _engine(name: str) -> Engine:
    import torch

    from workers.speak.engines import open_engine

    torch.set_num_threads(get_settings().torch_threads)
    return open_engine(name, get_settings().device)


@_once
def speaker_encoder() -> GE2E:
    """The encoder that tells one speaker from more, and that a fit listens through."""
    from workers.speak.encoders import GE2E

    return GE2E()


@_once
def watermark() -> Watermark:
    """What marks every sample that leaves as synthetic."""
    from workers.speak.watermark import Watermark

    return Watermark()


@_once
def _campplus() -> CamPlusPlus:
    from workers.speak.campplus import CamPlusPlus

    return CamPlusPlus()


def speaker_voice(samples: FloatArray) -> FloatArray:
    """Whose voice 16 kHz sound has, for the speaker check: (192,) float32 of unit norm."""
    return _campplus().embed(samples)


def speaker_weights() -> str:
    """Names the encoder of `speaker_voice`: what another has made cannot be compared with its."""
    from workers import models

    return "campplus@" + models.manifest().artefacts["campplus"].files[0].sha256


def embed(audio: Audio) -> FloatArray:
    """A speaker embedding of `audio`: (256,) float32 of unit norm."""
    return speaker_encoder().embed(audio)


def preload() -> None:
    """Open what a waiting person needs, so that the first utterance after a start is as quick as the next."""
    recogniser()
    engine()
    watermark()
