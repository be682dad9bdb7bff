"""What passes for a translation, and what a recogniser is asked for in vain."""

from __future__ import annotations

import numpy as np
import pytest

from workers.contracts import Audio, SpokenError
from workers.understand import translating
from workers.understand.recogniser import Recogniser


@pytest.mark.parametrize(
    ("english", "said"),
    [
        ("You are the only person in the conference.", "Usted es la única persona en la conferencia."),
        ("I want water.", "Quiero agua."),
        ("No.", "No."),
        ("The hospital.", "El hospital."),
        ("The conference will begin.", "La conférence débutera."),
    ],
)
def test_english_passes(english: str, said: str) -> None:
    assert translating.is_translation(english, said, 3.0)


@pytest.mark.parametrize(
    ("english", "said", "speech_s"),
    [
        (
            "Por favor ingresse su contraseño seguida por la tecla.",
            "Por favor ingrese su contraseño seguida por la tecla.",
            4,
        ),
        ("", "Quiero agua.", 2),
        ("...", "Quiero agua.", 2),
        ("Thank you, thank you, thank you, thank you, thank you.", "Gracias.", 2),
        ("I would like to go out into the garden now and sit there for a while.", "Sí, quiero.", 0.6),
    ],
)
def test_what_is_not_translated_or_cannot_have_been_said_does_not(english: str, said: str, speech_s: float) -> None:
    assert not translating.is_translation(english, said, speech_s)


@pytest.mark.parametrize(
    ("language", "into", "code"),
    [("es", "fr", "other_target"), ("es", "", "other_target"), ("en", "de", "other_target"),
     ("en", "en", "nothing_to_interpret"), ("en-GB", "en", "nothing_to_interpret")],
)  # fmt: skip
def test_any_other_target_is_refused_before_anything_is_heard(language: str, into: str, code: str) -> None:
    unopened = Recogniser.__new__(Recogniser)
    silence = Audio(np.zeros(16_000, np.float32), 16_000)
    with pytest.raises(SpokenError) as refused:
        unopened.interpret(silence, language, into=into)
    assert refused.value.code == code and "English" in refused.value.message


def test_nothing_is_put_into_english_where_nothing_was_understood() -> None:
    assert translating.first_in_english(None, None, None, (), 1.0) == ()  # type: ignore[arg-type]
