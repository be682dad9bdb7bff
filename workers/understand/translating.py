"""What was said, in English: Whisper's own translation, out of the sound that its words were recognised in.

It is a translation of the sound and not of the words that were recognised. Given these as a prompt, Whisper base
answers with them, untranslated (docs/modes.md). So a second or third reading has no English of its own, and only the
first is offered with one.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from faster_whisper.tokenizer import Tokenizer
from faster_whisper.transcribe import WhisperModel

from workers.contracts import Reading, SpokenError
from workers.understand import gates

#: The only language that Whisper translates into.
INTO = "en"
_BEAM = 5
#: Whisper base sometimes gives back what it heard. So much of a text's words the same is no translation; of one or two
#: words ('No.', 'Hotel.') that cannot be told.
_SAME_SHARE, _TOLD_FROM_WORDS = 0.5, 3


def require_possible(language: str, into: str = INTO) -> None:
    """Raises SpokenError 'other_target' or 'nothing_to_interpret'."""
    if into.split("-")[0].lower() != INTO:
        raise SpokenError(
            "other_target", "Speech can be interpreted into English only. Choose English in the patient's settings."
        )
    if language.split("-")[0].lower() == INTO:
        raise SpokenError(
            "nothing_to_interpret",
            "This patient's language is English, so there is nothing to interpret. Choose another mode in their "
            "settings.",
        )


def first_in_english(
    model: WhisperModel, encoded: Any, tokenizer: Tokenizer, readings: Sequence[Reading], speech_s: float
) -> tuple[Reading, ...]:
    """The first of `readings` with its English; none where there is none that can be told.

    encoded: what the readings were decoded from. speech_s: how long sounded, in s: nobody says more in it than can be
    said.
    """
    if not readings:
        return ()
    for english in _translations(model, encoded, tokenizer):
        if is_translation(english, readings[0].text, speech_s):
            return (Reading(readings[0].text, readings[0].confidence, english),)
    return ()


def is_translation(english: str, said: str, speech_s: float) -> bool:
    """Whether `english` can be what `said` (in another language, in `speech_s` seconds of sound) is in English."""
    words = gates.words_of(english)
    if not words or gates.is_looping(english) or gates.is_impossible_rate(english, speech_s):
        return False
    heard = set(gates.words_of(said))
    same = sum(word in heard for word in words)
    return len(words) < _TOLD_FROM_WORDS or same < _SAME_SHARE * len(words)


def _translations(model: WhisperModel, encoded: Any, tokenizer: Tokenizer) -> list[str]:
    """Best first."""
    into_english = Tokenizer(model.hf_tokenizer, True, task="translate", language=tokenizer.language_code)
    prompt = model.get_prompt(into_english, [], without_timestamps=True)
    (result,) = model.model.generate(
        encoded, [prompt], beam_size=_BEAM, num_hypotheses=_BEAM, length_penalty=1.0, return_scores=True
    )
    return [into_english.decode(tokens).strip() for tokens in result.sequences_ids]
