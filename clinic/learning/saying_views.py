"""Reading sentences aloud and teaching phrases: one thing to say at a time, on the tablet or with a clinician."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from flask import Blueprint, Response, jsonify, render_template, request, url_for
from flask_login import current_user
from flask_wtf.csrf import generate_csrf
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from clinic.accounts.guard import role_required
from clinic.accounts.tables import CLINICIAN, TABLET
from clinic.audit import record
from clinic.database import transaction
from clinic.errors import PlainError
from clinic.learning import phrases, service, upload
from clinic.learning.tables import CHECKED, PhraseExample, ReadAloud
from clinic.patients.service import get_patient
from clinic.vault import get_vault

blueprint = Blueprint("saying", __name__)

Kept = TypeVar("Kept", ReadAloud, PhraseExample)

#: A page asks for more when it has come to its end.
_AT_ONCE = 40


@blueprint.get("/tablet/read")
@role_required(TABLET)
def read_here() -> str:
    """Sentences, at the patient's own tablet."""
    return _page(str(current_user.patient_id), "sentences")


@blueprint.get("/patients/<patient_id>/read-aloud")
@role_required(CLINICIAN)
def read(patient_id: str) -> str:
    """Sentences, with a clinician beside the patient."""
    return _page(patient_id, "sentences")


@blueprint.get("/tablet/phrases/say")
@role_required(TABLET)
def say_here() -> str:
    """Phrases, at the patient's own tablet."""
    return _page(str(current_user.patient_id), "phrases")


@blueprint.get("/patients/<patient_id>/phrases/say")
@role_required(CLINICIAN)
def say(patient_id: str) -> str:
    """Phrases, with a clinician beside the patient."""
    return _page(patient_id, "phrases")


def _page(patient_id: str, what: str) -> str:
    """Nothing of the patient is in it: what is to be said is fetched."""
    asked = request.args.get("phrase") or None
    tablet = current_user.role == TABLET
    with transaction() as session:
        get_patient(session, patient_id)
        may_learn = service.may_learn(session, patient_id)
        record(session, current_user.id, "learning.say", patient_id, what=what)
    if tablet:
        back = url_for("phrases.here") if what == "phrases" else url_for("live.tablet")
    else:
        page = "phrases.page" if what == "phrases" else "learning.page"
        back = url_for(page, patient_id=patient_id)
    return render_template(
        "learning/say.html",
        what=what,
        may_learn=may_learn,
        tablet=tablet,
        back=back,
        to_say=url_for(f"saying.{what}_to_say", patient_id=patient_id, phrase=asked),
    )


@blueprint.get("/patients/<patient_id>/read-aloud/next")
@role_required(CLINICIAN, TABLET)
def sentences_to_say(patient_id: str) -> Response:
    """The next sentences, and where each is sent."""
    with transaction() as session:
        patient = _theirs(session, patient_id)
        waiting = service.next_prompts(session, patient)
        kept = len(service.checked(service.readings_of(session, patient_id)))
    items = [
        {
            "key": one.prompt or one.own_id,
            "text": one.text,
            "keep": url_for("saying.keep_reading", patient_id=patient_id, prompt=one.prompt, own=one.own_id),
        }
        for one in waiting[:_AT_ONCE]
    ]
    return jsonify(items=items, kept=kept, token=generate_csrf(), language=patient.language)


@blueprint.get("/patients/<patient_id>/phrases/say/next")
@role_required(CLINICIAN, TABLET)
def phrases_to_say(patient_id: str) -> Response:
    """What is still lacking of every phrase; of one that was asked for, one more at least."""
    asked = request.args.get("phrase", "")
    with transaction() as session:
        patient = _theirs(session, patient_id)
        known = phrases.phrases_of(session, patient_id)
    items: list[dict[str, Any]] = []
    for one in known:
        if asked and one.row.id != asked:
            continue
        wanted = max(one.lacks, 1 if asked else 0)
        items += [
            {
                "key": f"{one.row.id}-{number}",
                "text": one.text,
                "remark": _time(number),
                "keep": url_for("saying.keep_example", phrase_id=one.row.id),
            }
            for number in range(one.taught + 1, one.taught + wanted + 1)
        ]
    kept = sum(not one.lacks for one in known)
    return jsonify(items=items[:_AT_ONCE], kept=kept, token=generate_csrf(), language=patient.language)


def _time(number: int) -> str:
    return {1: "Say it once.", 2: "And once more, as you would say it another day."}.get(number, "Once more.")


@blueprint.post("/patients/<patient_id>/readings")
@role_required(CLINICIAN, TABLET)
def keep_reading(patient_id: str) -> Response:
    """One sentence, read aloud. Sent twice, it is kept once."""
    upload.check_token()
    prompt, own_id, take = request.args.get("prompt", ""), request.args.get("own", ""), upload.take()
    with transaction() as session:
        _theirs(session, patient_id)
        service.require_consent(session, patient_id)

    def keep(session: Session, blob_id: str) -> ReadAloud:
        actor = current_user.id
        return service.keep_reading(session, actor, patient_id, take, blob_id, prompt=prompt, own_id=own_id)

    row = _keep(patient_id, lambda session: service.kept_before(session, patient_id, take), keep)
    return _how(row, url_for("saying.reading_state", reading_id=row.id))


@blueprint.post("/phrases/<phrase_id>/examples")
@role_required(CLINICIAN, TABLET)
def keep_example(phrase_id: str) -> Response:
    """A phrase, said once. Sent twice, it is kept once."""
    upload.check_token()
    take = upload.take()
    with transaction() as session:
        patient_id = phrases.get_phrase(session, phrase_id).patient_id
        _theirs(session, patient_id)
        service.require_consent(session, patient_id)

    def keep(session: Session, blob_id: str) -> PhraseExample:
        return phrases.keep_example(session, current_user.id, phrase_id, take, blob_id)

    row = _keep(patient_id, lambda session: phrases.kept_before(session, phrase_id, take), keep)
    return _how(row, url_for("saying.example_state", example_id=row.id))


def _keep(patient_id: str, before: Callable[[Session], Kept | None], keep: Callable[[Session, str], Kept]) -> Kept:
    sound = upload.sound()
    with transaction() as session:
        known = before(session)
    if known is not None:
        return known
    vault = get_vault()
    blob_id = vault.put_blob(patient_id, sound)
    try:
        with transaction() as session:
            return keep(session, blob_id)
    except IntegrityError:
        vault.delete_blob(blob_id)
        raise PlainError("sent_twice", "This was kept already. Go on with the next.", 409) from None
    except BaseException:
        vault.delete_blob(blob_id)
        raise


@blueprint.get("/readings/<reading_id>/state")
@role_required(CLINICIAN, TABLET)
def reading_state(reading_id: str) -> Response:
    """For the page that waits for the check."""
    with transaction() as session:
        row = service.get_reading(session, reading_id)
        _theirs(session, row.patient_id)
    return _how(row, url_for("saying.reading_state", reading_id=row.id))


@blueprint.get("/examples/<example_id>/state")
@role_required(CLINICIAN, TABLET)
def example_state(example_id: str) -> Response:
    """For the page that waits for the check."""
    with transaction() as session:
        row = phrases.get_example(session, example_id)
        _theirs(session, row.patient_id)
    return _how(row, url_for("saying.example_state", example_id=row.id))


def _how(row: ReadAloud | PhraseExample, look: str) -> Response:
    message = "" if row.state == CHECKED else row.error_message or ""
    return jsonify(id=row.id, state=row.state, message=message, look=look)


def _theirs(session: Session, patient_id: str) -> Any:
    """The patient. A tablet is told nothing of others, not even that they are there."""
    if current_user.role == TABLET and current_user.patient_id != patient_id:
        raise PlainError("no_patient", "There is nothing here for this tablet.", 404)
    return get_patient(session, patient_id)
