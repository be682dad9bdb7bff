"""SpeechBrain's redirects, made harmless to whatever walks `sys.modules`.

For each module that it moved, SpeechBrain leaves a stand-in that imports the new place on any access to an attribute,
and raises ImportError where that place needs an optional package (k2, flair, spaCy). A debugger, a property tester or
a serialiser that asks every module for its `__file__` sets them all off.
"""

from __future__ import annotations

import sys


def settle() -> None:
    """Give every stand-in an empty `__file__`, so that asking imports nothing. Call after importing SpeechBrain."""
    from speechbrain.utils.importutils import LazyModule

    for module in list(sys.modules.values()):
        if isinstance(module, LazyModule):
            module.__dict__.setdefault("__file__", None)
