"""The engines by name. A module is imported when its engine is asked for, and not before."""

from __future__ import annotations

import importlib
from collections.abc import Mapping

from workers.contracts import SpokenError
from workers.speak.engine import Engine

#: Name, as a voice's row and SAMEVOICE_ENGINE have it → (module, class).
ENGINES: Mapping[str, tuple[str, str]] = {
    "kokoro": ("workers.speak.kokoro", "KokoroEngine"),
    "pocket-tts": ("workers.speak.pocket", "PocketEngine"),
}


def open_engine(name: str, device: str = "cpu") -> Engine:
    """Open an engine with its weights on 'cpu' or 'cuda'.

    Raises SpokenError 'unknown_engine', 'no_gpu', and what its constructor raises. Never another engine or device.
    """
    if name not in ENGINES:
        raise SpokenError("unknown_engine", f"There is no engine called '{name}'. Known: {', '.join(sorted(ENGINES))}.")
    if device != "cpu":
        _require_gpu()
    module, made = ENGINES[name]
    engine: Engine = getattr(importlib.import_module(module), made)(device)
    return engine


def _require_gpu() -> None:
    import torch

    if not torch.cuda.is_available():
        raise SpokenError(
            "no_gpu",
            "SAMEVOICE_DEVICE is cuda, but no GPU can be used here. Check the driver and that this process may see the "
            "GPU, or set SAMEVOICE_DEVICE to cpu.",
        )
