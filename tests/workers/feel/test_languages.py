"""Words of distress in the language that was spoken, and no others. The lists were checked by nobody who speaks it."""

from __future__ import annotations

import pytest

from tests.workers.feel.test_distress import A_PROSODY
from workers.contracts import Transcript
from workers.feel import distress
from workers.feel.words import weigh


@pytest.mark.parametrize(
    ("language", "text"),
    [
        ("es", "No puedo respirar."),
        ("es", "Ayúdeme, por favor."),
        ("es", "Me duele el pecho."),
        ("fr", "Je ne peux pas respirer."),
        ("fr", "Je n’arrive plus à respirer."),
        ("fr", "Aidez-moi !"),
        ("fr", "J'ai mal à la poitrine."),
        ("es", "¡Socorro!"),
    ],
)
def test_a_cry_for_help_counts_in_its_own_language(language: str, text: str) -> None:
    found = weigh(text, sure=True, language=language)
    assert found.urgency >= 4 and found.cues
    assert weigh(text, sure=False, language=language).urgency == pytest.approx(found.urgency / 2)


@pytest.mark.parametrize(
    ("language", "text"),
    [
        ("es", "No tengo dolor."),
        ("es", "No me duele nada."),
        ("fr", "Je n'ai pas mal."),
        ("fr", "Je n'ai plus de douleur."),
        ("fr", "Je voudrais du pain."),
        ("fr", "Je n'ai pas besoin d'aide."),
        ("es", "Quisiera un café con leche."),
    ],
)
def test_what_is_denied_or_of_another_language_does_not(language: str, text: str) -> None:
    assert weigh(text, sure=True, language=language).distress == 0


def test_a_language_without_a_list_says_so() -> None:
    transcript = Transcript("Ho male al petto.", (), 0.9, "it", (), None, 1.0)
    feeling = distress.score(A_PROSODY, transcript, None)
    assert "Words of this language are not weighed" in feeling.note and feeling.distress.cues == ()
    spanish = Transcript("Me duele.", (), 0.9, "es", (), None, 1.0)
    assert "nobody who speaks it has checked it" in distress.score(A_PROSODY, spanish, None).note
