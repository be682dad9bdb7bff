"""Few words, severe speech: phrases that a patient taught by saying them, found again by sound.

For people whom no recogniser understands. Nothing knows the words; what is compared is the recogniser's own encoder
features (`Recogniser.features`, stock or adapted, the same for examples and for what is said), under a metric learned
from the examples (`metric`), by dynamic time warping (`warping`). docs/phrases.md has the figures and the limits.

Most of the work is in saying 'none of these'. A distance alone does not tell: an unclear recording is far from
everything. So it is held against what is to be expected: against the nearest other phrases (cohort normalisation, as
in speaker verification: Auckenthaler, Carey and Lloyd-Thomas 2000), and frame by frame against the best that the
frames of all other phrases, in any order, can do (a background model). And a short phrase must be nearer than a long
one: less of it can differ.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from workers.contracts import FloatArray, Reading, SpokenError
from workers.understand import metric
from workers.understand.readings import normalised
from workers.understand.warping import distances, pooled, way

#: From here a match counts. Chosen on two simulated speakers (docs/phrases.md): 1.5 % of others passed.
SURE_AT = 0.8
#: With fewer there is too little to compare with for saying 'none of these'.
LEAST_PHRASES = 5
MOST_NEAREST = 3

POOL = 2  # 40 ms
_MOST_STRETCH = 3.0
_COHORT = 3
_FEWEST_FRAMES = 4  # 80 ms of features

#: Logistic regression, fitted on three simulated speakers (docs/phrases.md) who are in no reported figure: (distance,
#: distance over that of the nearest others, distance less the background's, log of the examples' frames), then the
#: constant.
_WEIGHTS = np.array([-8.59, -6.13, -7.52, 0.66])
_CONSTANT = 6.65


@dataclass(frozen=True)
class Near:
    """A phrase that may have been said; probability 0..1 that it was."""

    phrase_id: str
    probability: float


@dataclass(frozen=True)
class Match:
    """phrase_id: None where nothing is near enough. probability: of the nearest, accepted or not.

    nearest: at most three phrases, nearest first, whatever was decided: to be offered, never to be spoken unasked.
    """

    phrase_id: str | None
    probability: float
    nearest: tuple[Near, ...]


_NOTHING = Match(None, 0.0, ())


class Phrases:
    """What one patient taught. Immutable; safe to call from several threads."""

    def __init__(self, examples: Mapping[str, Sequence[FloatArray]], usual: NDArray[np.float64] | None = None) -> None:
        """`examples`: phrase id → its takes as `Recogniser.features` gives them, (frames, width) each. `usual`:
        `Recogniser.usual_within`, of the same recogniser.

        Without any, nothing matches. Raises SpokenError: 'too_few_phrases' (fewer than five), 'no_speech' (a take of
        under 80 ms of speech, or a phrase without takes), 'foreign_features' (widths differ, or not finite).
        """
        self._ids: tuple[str, ...] = tuple(examples)
        if not examples:
            return
        if len(examples) < LEAST_PHRASES:
            raise SpokenError(
                "too_few_phrases", f"Teach at least {LEAST_PHRASES} phrases before they are listened for."
            )
        for takes in examples.values():
            if not takes or any(len(take) < _FEWEST_FRAMES for take in takes):
                raise SpokenError("no_speech", "One of the examples has no speech in it. Record that phrase again.")
        if len({take.shape[1] for takes in examples.values() for take in takes}) > 1 or not all(
            np.isfinite(take).all() for takes in examples.values() for take in takes
        ):
            raise SpokenError("foreign_features", "The examples come from different recognisers. Learn them anew.")
        coarse = {name: [pooled(take, POOL) for take in takes] for name, takes in examples.items()}
        self._metric = metric.learned(coarse, usual)
        self._takes = [self._metric(take) for takes in coarse.values() for take in takes]
        self._lengths = np.array([len(take) for take in self._takes])
        self._of = np.repeat(np.arange(len(examples)), [len(takes) for takes in coarse.values()])
        self._frames = np.concatenate(self._takes)
        self._frame_of = np.repeat(self._of, self._lengths)

    def match(self, features: FloatArray, *, sure_at: float = SURE_AT) -> Match:
        """Which phrase `features` (frames, width) is, if it is one. `sure_at`: 0..1, the least probability.

        Raises SpokenError 'foreign_features' where the width is another than the examples'.
        """
        measured = self.measured(features)
        if not measured:
            return _NOTHING
        near = [Near(self._ids[place], _probability(signs)) for place, signs in measured]
        best = near[0]
        return Match(best.phrase_id if best.probability >= sure_at else None, best.probability, tuple(near))

    def measured(self, features: FloatArray) -> list[tuple[int, FloatArray]]:
        """(place of the phrase, its four signs) of the nearest phrases, nearest first: what is judged, for fitting.

        Empty where there is nothing to judge: no phrases, no speech, or nothing of about this length.
        """
        if not self._ids or len(features) < _FEWEST_FRAMES:
            return []
        if features.shape[1] != len(self._metric.mean):
            raise SpokenError("foreign_features", "The phrases were learned with another recogniser. Learn them anew.")
        coarse = pooled(features, POOL)
        shortest, longest = self._lengths.min() / _MOST_STRETCH, self._lengths.max() * _MOST_STRETCH
        if not shortest <= len(coarse) <= longest:
            return []
        said = self._metric(coarse)
        by_take = distances(said, self._takes)
        by_phrase = np.full(len(self._ids), np.inf, np.float32)
        np.minimum.at(by_phrase, self._of, by_take)
        order = np.argsort(by_phrase)
        return [(int(place), self._signs(said, by_take, by_phrase, int(place))) for place in order[:MOST_NEAREST]]

    def _signs(self, said: FloatArray, by_take: FloatArray, by_phrase: FloatArray, place: int) -> FloatArray:
        others = np.sort(np.delete(by_phrase, place))[:_COHORT]
        mine = self._of == place
        take = self._takes[int(np.flatnonzero(mine)[by_take[mine].argmin()])]
        background = self._frames[self._frame_of != place]
        pairs = np.array(way(said, take))
        cost = 1 - (said[pairs[:, 0]] * take[pairs[:, 1]]).sum(axis=1)
        at_best = (1 - said @ background.T).min(axis=1)[pairs[:, 0]], (1 - take @ background.T).min(axis=1)[pairs[:, 1]]
        return np.array(
            [
                by_take[mine].mean(),
                by_phrase[place] / others.mean(),
                (cost - (at_best[0] + at_best[1]) / 2).mean(),
                np.log(self._lengths[mine].mean()),
            ],
            np.float32,
        )


def _probability(signs: FloatArray) -> float:
    return float(1 / (1 + np.exp(-(signs @ _WEIGHTS + _CONSTANT))))


def fused(match: Match, texts: Mapping[str, str], readings: Sequence[Reading], language: str) -> Match:
    """`match`, and the recogniser's reading: two that agree are enough.

    Where one of the nearest phrases has, word for word, the text of one of the recogniser's readings, it is accepted:
    sound and words point at it independently. Nothing is ever made less likely: for these patients the recogniser's
    disagreement says nothing. `texts`: phrase id → its words.
    """
    heard = {normalised(reading.text, language) for reading in readings} - {""}
    for near in match.nearest:
        if normalised(texts.get(near.phrase_id, ""), language) in heard:
            sure = max(near.probability, SURE_AT)
            rest = tuple(other for other in match.nearest if other is not near)
            return Match(near.phrase_id, sure, (Near(near.phrase_id, sure), *rest))
    return match
