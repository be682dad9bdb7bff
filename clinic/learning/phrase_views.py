"""Phrases that are matched by their sound: the clinician's page, and the patient's own list on their tablet."""

from __future__ import annotations

from flask import Blueprint, Response, flash, jsonify, redirect, render_template, request, url_for
from flask_login import current_user
from werkzeug.wrappers import Response as AnyResponse

from clinic.accounts.guard import role_required
from clinic.accounts.tables import CLINICIAN, TABLET
from clinic.audit import record
from clinic.database import transaction
from clinic.errors import PlainError
from clinic.learning import phrases, service
from clinic.patients.service import get_patient, named
from clinic.web.errors import wants_json
from clinic.web.playback import is_first_part, play

blueprint = Blueprint("phrases", __name__)

_MISTYPED = ("no_consent", "no_text", "too_long", "there_already", "too_many")


@blueprint.get("/patients/<patient_id>/phrases")
@role_required(CLINICIAN)
def page(patient_id: str) -> str:
    """The phrases and their examples."""
    return _page(patient_id)


def _page(patient_id: str, typed: dict[str, str] | None = None) -> str:
    with transaction() as session:
        who = named(get_patient(session, patient_id))
        shown = phrases.phrases_of(session, patient_id)
        record(session, current_user.id, "phrase.list", patient_id)
        return render_template(
            "learning/phrases.html",
            who=who,
            patient_id=patient_id,
            may_learn=service.may_learn(session, patient_id),
            shown=shown,
            lacking=sum(one.lacks > 0 for one in shown),
            least=phrases.LEAST_EXAMPLES,
            most=phrases.MOST_EXAMPLES,
            longest_text=phrases.LONGEST_TEXT,
            typed=typed or {},
            fingerprint=phrases.fingerprint(shown),
        )


@blueprint.get("/patients/<patient_id>/phrases/state")
@role_required(CLINICIAN)
def state(patient_id: str) -> Response:
    """For the page that waits for checks."""
    with transaction() as session:
        get_patient(session, patient_id)
        return jsonify(fingerprint=phrases.fingerprint(phrases.phrases_of(session, patient_id)))


@blueprint.get("/tablet/phrases")
@role_required(TABLET)
def here() -> str:
    """The patient's own list."""
    return _tablet()


def _tablet(typed: dict[str, str] | None = None) -> str:
    patient_id = str(current_user.patient_id)
    with transaction() as session:
        get_patient(session, patient_id)
        shown = phrases.phrases_of(session, patient_id)
        record(session, current_user.id, "phrase.list", patient_id)
        return render_template(
            "learning/tablet_phrases.html",
            may_learn=service.may_learn(session, patient_id),
            shown=shown,
            lacking=sum(one.lacks > 0 for one in shown),
            longest_text=phrases.LONGEST_TEXT,
            typed=typed or {},
        )


@blueprint.post("/patients/<patient_id>/phrases")
@role_required(CLINICIAN)
def add(patient_id: str) -> AnyResponse | tuple[str, int]:
    """A new phrase; it is said next."""
    typed = request.form.get("phrase", "")
    try:
        with transaction() as session:
            row = phrases.add(session, current_user.id, patient_id, typed)
    except PlainError as error:
        if wants_json() or error.code not in _MISTYPED:
            raise
        return _page(patient_id, {"phrase": typed, "wrong": error.message}), error.status
    return redirect(url_for("saying.say", patient_id=patient_id, phrase=row.id))


@blueprint.post("/tablet/phrases")
@role_required(TABLET)
def add_here() -> AnyResponse | tuple[str, int]:
    """A new phrase, typed at the tablet; it is said next."""
    typed = request.form.get("phrase", "")
    try:
        with transaction() as session:
            row = phrases.add(session, current_user.id, str(current_user.patient_id), typed)
    except PlainError as error:
        if wants_json() or error.code not in _MISTYPED:
            raise
        return _tablet({"phrase": typed, "wrong": error.message}), error.status
    return redirect(url_for("saying.say_here", phrase=row.id))


@blueprint.post("/phrases/<phrase_id>/remove")
@role_required(CLINICIAN)
def remove(phrase_id: str) -> AnyResponse:
    """Remove a phrase and its examples."""
    with transaction() as session:
        patient_id = phrases.remove(session, current_user.id, phrase_id)
    flash("The phrase and its examples are removed.", "good")
    return redirect(url_for("phrases.page", patient_id=patient_id))


@blueprint.get("/examples/<example_id>/sound")
@role_required(CLINICIAN)
def example_sound(example_id: str) -> Response:
    """An example, as it was said."""
    with transaction() as session:
        row = phrases.get_example(session, example_id)
        if is_first_part():
            record(session, current_user.id, "example.play", row.id, patient=row.patient_id)
    return play(row.patient_id, row.blob_id, "audio/wav")


@blueprint.post("/examples/<example_id>/delete")
@role_required(CLINICIAN)
def delete_example(example_id: str) -> AnyResponse:
    """Delete one example."""
    with transaction() as session:
        patient_id = phrases.delete_example(session, current_user.id, example_id)
    return redirect(url_for("phrases.page", patient_id=patient_id))
