"""How sure the recogniser is of a text, as one number to set a threshold on.

The confidence is √(g × w): g, the geometric mean of the words' probabilities; w, the mean of the weakest fifth of the
words, two at least. The weakest count because one invented word is enough to put words into somebody's mouth.

It is not a calibrated probability. Measured on `bench.two_cities` (25 utterances of 4 to 15 words, two seeds, Whisper
base int8) under `bench.impair`, a **simulated** impairment: ROC area 0.95 for 'every word right', 0.96 for 'at most a
quarter wrong'. The plain mean of the words' probabilities has 0.94 and lets inventions through that are fluent but for
one word. What 0.6 lets speak (in the data that it was chosen on; Whisper may know the text):

    simulated   utterances   spoken   of these, a word wrong   more than a quarter wrong
    clean               25       23                        2                           0
    mild                50       42                        7                           0
    moderate            50       24                        7                           3
    severe              50        0                        0                           0

At 0.75, 32 of the mild and 7 of the moderate were spoken, none of these 7 wrong. The default is 0.7: words put into
somebody's mouth cost more than a touch on a reading.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from workers.contracts import Word

#: The patient's 'how sure is sure' where nobody has set it.
SURE_AT = 0.7

_WEAKEST_SHARE = 0.2
_WEAKEST_AT_LEAST = 2
_FLOOR = 1e-4  # a word's probability is rounded to 0 now and then, and a logarithm must exist


def confidence_of(words: Sequence[Word]) -> float:
    """0..1 for the words of one text; 0 for none."""
    if not words:
        return 0.0
    sure = np.array([max(word.confidence, _FLOOR) for word in words], np.float64)
    weakest = np.sort(sure)[: max(_WEAKEST_AT_LEAST, math.ceil(len(sure) * _WEAKEST_SHARE))]
    return float(math.sqrt(math.exp(np.log(sure).mean()) * weakest.mean()))
