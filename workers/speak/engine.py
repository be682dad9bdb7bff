"""What every voice engine offers. A page or a task knows engines by this and by nothing else."""

from __future__ import annotations

from collections.abc import Callable, Generator, Mapping, Sequence
from typing import Protocol

from workers.contracts import Cancelled, Capabilities, Clip, Manner, Progress, Speech, Voice

#: Given a checkpoint's bytes, keeps them; a later `fit` with these bytes goes on from there.
KeepCheckpoint = Callable[[bytes], None]


class Engine(Protocol):
    """A way of speaking in a fitted voice. All weights are opened (and verified) in the constructor."""

    name: str
    model: str
    revision: str

    def capabilities(self) -> Capabilities:
        """What this engine can do with the weights at hand."""
        ...

    def fit(
        self,
        clips: Sequence[Clip],
        *,
        progress: Progress | None = None,
        cancelled: Cancelled | None = None,
        checkpoint: bytes | None = None,
        keep_checkpoint: KeepCheckpoint | None = None,
        budget_s: float | None = None,
    ) -> Voice:
        """Build a voice from historic speech.

        Raises SpokenError ('too_little_speech', 'wrong_checkpoint') with what to do, Stopped when cancelled.
        A checkpoint that belongs to other clips, another model or another revision is refused, never used.
        """
        ...

    def say(
        self,
        text: str,
        voice: Voice,
        manner: Manner | None = None,
        *,
        cancelled: Cancelled | None = None,
        pronunciations: Mapping[str, str] | None = None,
    ) -> Generator[Speech, None, None]:
        """Speak `text` in pieces, yielding each as soon as it is made; the last has `last=True`.

        The next piece is made while the caller uses the last. Joined by spaces, the pieces' texts are `text`, but for
        its spacing; laid end to end, their sound has no seams. Stopping takes 0.1 s at most.

        An engine that sounds while it makes a clause yields it in pieces; its words stand on the first of them.
        `pronunciations`: word → how it is to be said, respelt. A clause's `text` stays as it was written.

        Raises SpokenError ('wrong_voice') if `voice` belongs to another engine, model or revision: never another
        voice instead. What `workers.speak.text.speakable` raises for text that is too long, has nothing to speak, or
        letters that cannot be spoken: no part of such a text sounds. Stopped when cancelled.
        """
        ...
