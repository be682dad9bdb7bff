"""One speaker or more: embeddings over short windows of speech, split in two by SpeechBrain's spectral clustering.

Spectral clustering always finds the asked number of groups (and its eigengap never says one), so the question is asked
of the result: are the two groups as unlike as two people are?
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from workers import redirects
from workers.activity import at_recognition_rate
from workers.contracts import RECOGNITION_RATE_HZ, Audio, FloatArray

#: Gives a unit-norm speaker embedding of 16 kHz sound.
Embed = Callable[[Audio], FloatArray]

_WINDOW_S = 1.6  # what GE2E was trained on
_HOP_S = 0.8
_LEAST_S = 0.8
_MOST_WINDOWS = 300
_LEAST_WINDOWS = 4
#: A second speaker must fill two windows: one odd window is a cough, or a laugh.
_LEAST_OF_OTHER = 2
#: Cosine between the groups' mean GE2E embeddings. One reader: 0.83 to 0.93 (whole, in parts, with 10 dB of noise,
#: fading, half of it by telephone). Two: 0.41 to 0.66 (five pairings of
#: four readers, two actors on one recording). Missed: a sixth pairing, 5 s of short phrases after 40 s of another.
_SAME_SPEAKER = 0.78
_KEPT_NEIGHBOURS = 6


def more_than_one(audio: Audio, speech: Sequence[tuple[float, float]], embed: Embed) -> bool:
    """True if somebody else speaks for two windows or more. False also where there is too little speech to tell (4 s).

    In recordings with over four minutes of speech, windows are taken evenly from the whole.
    """
    samples = at_recognition_rate(audio)
    # Windows stay within a stretch of speech: across a pause, the next person may be in them.
    bounds = [
        (from_s, min(end_s, from_s + _WINDOW_S))
        for start_s, end_s in speech
        if end_s - start_s >= _LEAST_S
        for from_s in start_s + _HOP_S * np.arange(max(1, int((end_s - start_s - _WINDOW_S) / _HOP_S) + 1))
    ]
    if len(bounds) < _LEAST_WINDOWS:
        return False
    chosen = np.linspace(0, len(bounds) - 1, min(len(bounds), _MOST_WINDOWS)).round().astype(int)
    pieces = ([int(at_s * RECOGNITION_RATE_HZ) for at_s in bounds[index]] for index in chosen)
    embeddings = np.stack([embed(Audio(samples[start:end], RECOGNITION_RATE_HZ)) for start, end in pieces])
    return unlike_halves(embeddings)


def unlike_halves(embeddings: FloatArray) -> bool:
    """True if (windows, size) unit-norm embeddings fall into two groups that are no one person's."""
    # Only enrolment asks this, and SpeechBrain takes seconds to import.
    from sklearn.cluster import k_means  # type: ignore[import-untyped]
    from speechbrain.integrations.alignment.diarization import Spec_Clust_unorm

    redirects.settle()
    clusters = Spec_Clust_unorm(min_num_spkrs=2, max_num_spkrs=2)
    kept = min(1.0, max(0.3, _KEPT_NEIGHBOURS / len(embeddings)))
    pruned = clusters.p_pruning(clusters.get_sim_mat(embeddings), kept)
    spectral, _ = clusters.get_spec_embs(clusters.get_laplacian(0.5 * (pruned + pruned.T)), 2)
    # SpeechBrain's own last step draws its start from the global generator: one recording, two verdicts.
    _, labels, _ = k_means(spectral, 2, n_init=20, random_state=0)
    groups = [embeddings[labels == label] for label in (0, 1)]
    if min(len(group) for group in groups) < _LEAST_OF_OTHER:
        return False
    one, other = (group.mean(axis=0) for group in groups)
    return float(one @ other / (np.linalg.norm(one) * np.linalg.norm(other))) < _SAME_SPEAKER
