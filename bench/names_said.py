"""Sentences with names and places that a recogniser does not know, said by Kokoro's public voices: nobody's own words.

    python -m bench.names_said OUT

writes OUT/choosing and OUT/judging: WAVs of 24 kHz and `transcripts.tsv` (file, sentence, the listed word in it). The
two share no word, no sentence and no voice, so that what is chosen on the one can be judged on the other. Whatever is
measured on them is of **synthetic** speech. How a name is said was written down here by ear of English speakers; where
nothing stands beside it, espeak's reading of the spelling is near enough.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import soundfile

from bench import measure
from workers.contracts import SPEECH_RATE_HZ

#: Word → how it is said, in ordinary letters ('' for as it is written).
CHOOSING = {
    "Siobhan": "shiv-awn",
    "Tadhg": "tyg",
    "Ngozi": "en-go-zee",
    "Wojciech": "voy-check",
    "Rhiannon": "ree-annon",
    "Kwabena": "kwah-benna",
    "Thandiwe": "tan-dee-way",
    "Bronagh": "broh-na",
    "Ottoline": "otto-leen",
    "Eluned": "ell-inn-ed",
    "Okonkwo": "oh-kon-kwo",
    "Leominster": "lem-ster",
    "Ysbyty": "us-butty",
    "Riluzole": "rill-you-zole",
    "Marjolein": "mar-yo-line",
    "Priyamvada": "pree-yam-vah-da",
}
JUDGING = {
    "Niamh": "neev",
    "Saoirse": "seer-sha",
    "Aoife": "ee-fa",
    "Chidinma": "chee-deen-mah",
    "Zbigniew": "zbig-nyeff",
    "Angharad": "an-harrad",
    "Folasade": "foh-la-shah-day",
    "Caoimhe": "kwee-va",
    "Evangeline": "",
    "Padraig": "paw-drig",
    "Abernathy": "",
    "Godmanchester": "",
    "Ynysybwl": "un-iss-uh-bull",
    "Baclofen": "back-low-fen",
    "Anneliese": "anna-leeza",
    "Venkatesh": "ven-ka-tesh",
}
#: The hardest lists: short names that sound like common words, and names that sound like those that are said above.
#: Neither are said anywhere here, so whatever they change is a harm.
SHORT = ("Kay", "Paige", "Rhoda", "Neil", "Dawn", "Ben", "Lou", "Tess", "Bea", "Jan", "Ned", "Hal", "Ted", "Nell",
         "Wynn", "Dee", "Moe", "Cass", "Thea", "Ona", "Les", "Enda", "Anders", "Wes")  # fmt: skip
UNSAID = ("Simone", "Ty", "Rosie", "Voytek", "Brianna", "Rowena", "Andy", "Rona", "Caroline", "Eleanor", "Okafor",
          "Leicester", "Yvette", "Marlene", "Priya", "Sian", "Neve", "Sasha", "Sophie", "Eva", "Patrick", "Annabel",
          "Angela", "Fola", "Evelyn", "Manchester", "Annalise")  # fmt: skip
_CHOOSING_SAYS = (
    "Is {} coming to see me on Sunday?",
    "Please tell {} that I am tired.",
    "I would like to talk about {} now.",
)
_JUDGING_SAYS = (
    "Could you call {} for me?",
    "I was thinking of {} this morning.",
    "We should ask {} before we go.",
)
SETS = {
    "choosing": (CHOOSING, _CHOOSING_SAYS, ("af_heart", "am_michael", "bf_emma")),
    "judging": (JUDGING, _JUDGING_SAYS, ("af_bella", "bm_george", "am_puck")),
}


def sentences(words: dict[str, str], says: tuple[str, ...]) -> Iterator[tuple[str, str]]:
    """(sentence, word): each word in each sentence."""
    for word in words:
        for say in says:
            yield say.format(word), word


def make(out: Path) -> None:
    """Both folders. Each word is said by every voice, in another sentence by each."""
    from bench.streaming import public_voice
    from workers.speak.kokoro import KokoroEngine

    engine = KokoroEngine()
    for name, (words, says, voices) in SETS.items():
        folder = out / name
        folder.mkdir(parents=True, exist_ok=True)
        rows = []
        for place, (sentence, word) in enumerate(sentences(words, says)):
            voice = public_voice(engine, voices[place % len(voices)])
            said = [speech.audio for speech in engine.say(sentence, voice, pronunciations={word: words[word]})]
            sound = measure.joined(said)
            assert sound.rate_hz == SPEECH_RATE_HZ
            file = f"{place:03}.wav"
            soundfile.write(folder / file, np.clip(sound.samples, -1, 1), sound.rate_hz)
            rows.append(f"{file}\t{sentence}\t{word}\n")
        (folder / "transcripts.tsv").write_text("".join(rows), encoding="utf-8")


if __name__ == "__main__":
    make(Path(sys.argv[1]))
