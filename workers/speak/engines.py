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


def open_engine(name: str) -> Engine:
    """Open an engine with its weights.

    Raises SpokenError 'unknown_engine', and what its constructor raises. Never another engine.
    """
    if name not in ENGINES:
        raise SpokenError("unknown_engine", f"There is no engine called '{name}'. Known: {', '.join(sorted(ENGINES))}.")
    module, made = ENGINES[name]
    engine: Engine = getattr(importlib.import_module(module), made)()
    return engine
