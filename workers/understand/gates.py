"""What keeps invented text from being spoken. Pure functions over text and numbers.

Whisper answers silence with sentences from its training ('Thank you for watching'), and hard speech with loops and
fluent inventions. Each gate looks at one sign; a text that any of them closes on is offered, never spoken unasked.
"""

from __future__ import annotations

import re
import zlib

from workers.wording.syllables import count_syllables

#: Below this there is no syllable to recognise; a short 'no' takes 0.2 s.
MIN_DURATION_S = 0.3
MIN_SPEECH_S = 0.15

#: The fastest conversational talkers reach 6 to 7 words and 9 syllables a second (Goldman-Eisler 1968; Duffy 2019).
MAX_WORDS_S = 7.0
MAX_SYLLABLES_S = 10.0
#: Speech found by voice activity is short by up to this much; without it 'yes' would be too fast.
_UNHEARD_S = 0.3

#: Nobody says a thing four times over by plan; saying 'no, no, no' is common.
REPEATS = 4
#: Whisper's own sign of a loop (Radford et al. 2022, section 4.5). Alone it closes on honest anaphora ('it was the
#: best of times, it was the worst of times'), so a phrase of four words must come three times as well.
MAX_COMPRESSION = 2.4
_PHRASE_WORDS = 4
_PHRASE_TIMES = 3

#: What films end with, and no conversation: Whisper learned from subtitles, and answers noise with these (Koenecke et
#: al. 2024; Barański et al. 2025). 'Thank you' and 'goodbye' are among its inventions too, and everybody says them.
_INVENTED = re.compile(
    r"\b(?:thank(?:s| you)(?: (?:so|very) much)? for (?:watching|viewing)"
    r"|(?:like and|to|please) subscribe|subscribe to (?:my|our|the) channel"
    r"|see you in the next (?:video|episode)|subtitles? by|captions? by|amara org"
    r"|sous titr\w+ (?:par|réalis\w+|société)|merci d'avoir regardé|abonnez vous à"
    r"|subtítulos (?:por|realizados)|gracias por ver|suscríbete al"
    r"|untertitel (?:von|im auftrag|der)|danke fürs zuschauen|vielen dank fürs zuschauen)\b"
)

_WORD = re.compile(r"[^\W_]+(?:['’][^\W_]+)*")
_LOOP_IN_WORD = re.compile(r"([^\W\d_]{1,4}?)\1{7,}")


def restore_gate(text: str, *, duration_s: float, speech_s: float, confidence: float, sure_at: float) -> str | None:
    """The code of the first gate that closes, or None when nothing speaks against saying `text` unasked.

    'no_speech', 'too_short', 'looping', 'impossible_rate', 'invented', 'low_confidence', in this order: what can be
    known without the words comes first. `speech_s`: seconds that sound. `sure_at`: the patient's own threshold, 0..1.
    """
    if duration_s < MIN_DURATION_S:
        return "too_short"
    if speech_s <= 0 or not words_of(text):
        return "no_speech"
    if speech_s < MIN_SPEECH_S:
        return "too_short"
    if is_looping(text):
        return "looping"
    if is_impossible_rate(text, speech_s):
        return "impossible_rate"
    if is_invented(text):
        return "invented"
    return "low_confidence" if confidence < sure_at else None


def words_of(text: str) -> list[str]:
    """The words of `text`, in small letters, without punctuation."""
    return _WORD.findall(text.lower())


def is_looping(text: str) -> bool:
    """True if one phrase comes four or more times in a row, or the text is far more repetitive than speech is."""
    words = words_of(text)
    if any(_LOOP_IN_WORD.search(word) for word in words):
        return True
    for length in range(1, len(words) // REPEATS + 1):
        same = 0  # how many words in a row equal the word one phrase earlier
        for here, before in zip(words[length:], words, strict=False):
            same = same + 1 if here == before else 0
            if same >= length * (REPEATS - 1):
                return True
    return _compression(text) > MAX_COMPRESSION and _has_frequent_phrase(words)


def is_invented(text: str) -> bool:
    """True if `text` holds what only the ends of films do, in English, French, Spanish or German."""
    return _INVENTED.search(" ".join(words_of(text)).replace("’", "'")) is not None


def is_impossible_rate(text: str, speech_s: float) -> bool:
    """True if nobody could have said `text` in `speech_s` seconds."""
    time_s = speech_s + _UNHEARD_S
    return len(words_of(text)) / time_s > MAX_WORDS_S or count_syllables(text) / time_s > MAX_SYLLABLES_S


def _compression(text: str) -> float:
    data = text.encode()
    return len(data) / len(zlib.compress(data))


def _has_frequent_phrase(words: list[str]) -> bool:
    counts: dict[tuple[str, ...], int] = {}
    for start in range(len(words) - _PHRASE_WORDS + 1):
        phrase = tuple(words[start : start + _PHRASE_WORDS])
        counts[phrase] = counts.get(phrase, 0) + 1
    return any(count >= _PHRASE_TIMES for count in counts.values())
