"""Names and other words as the patient says them: a part of the patient's page."""

from __future__ import annotations

from flask import Blueprint, Response, flash, jsonify, redirect, request, url_for
from flask_login import current_user
from werkzeug.wrappers import Response as AnyResponse

from clinic.accounts.guard import role_required
from clinic.accounts.tables import CLINICIAN
from clinic.audit import record
from clinic.database import transaction
from clinic.errors import PlainError
from clinic.patients import pronunciations
from clinic.patients.service import get_patient
from clinic.web.errors import answer, wants_json
from clinic.web.playback import is_first_part, play

blueprint = Blueprint("pronunciations", __name__)


@blueprint.post("/patients/<patient_id>/pronunciations")
@role_required(CLINICIAN)
def keep(patient_id: str) -> AnyResponse:
    """Add a word, or change how it is said."""
    try:
        with transaction() as session:
            word, say = request.form.get("word", ""), request.form.get("say", "")
            pronunciations.keep(session, current_user.id, patient_id, word, say)
    except PlainError as error:
        if wants_json() or error.code not in ("no_word", "word_too_long", "too_many"):
            raise
        flash(error.message, "bad")
    return _back(patient_id)


@blueprint.get("/patients/<patient_id>/pronunciations/state")
@role_required(CLINICIAN)
def state(patient_id: str) -> Response:
    """For the page that waits for a preview."""
    with transaction() as session:
        get_patient(session, patient_id)
        return jsonify(fingerprint=pronunciations.fingerprint(pronunciations.list_of(session, patient_id)))


@blueprint.post("/pronunciations/<pronunciation_id>/hear")
@role_required(CLINICIAN)
def hear(pronunciation_id: str) -> AnyResponse:
    """Say it in the patient's voice, once more."""
    with transaction() as session:
        row = pronunciations.get(session, pronunciation_id)
        pronunciations.want_preview(session, row)
    return _back(row.patient_id)


@blueprint.get("/pronunciations/<pronunciation_id>/preview")
@role_required(CLINICIAN)
def preview(pronunciation_id: str) -> Response:
    """The word in the patient's voice."""
    with transaction() as session:
        row = pronunciations.get(session, pronunciation_id)
        if row.preview_blob_id is None:
            return answer("no_preview", "There is nothing to hear yet.", 404)
        if is_first_part():
            record(session, current_user.id, "pronunciation.play", row.id, patient=row.patient_id)
    return play(row.patient_id, row.preview_blob_id, "audio/wav")


@blueprint.post("/pronunciations/<pronunciation_id>/remove")
@role_required(CLINICIAN)
def remove(pronunciation_id: str) -> AnyResponse:
    """Say the word as it is written again."""
    with transaction() as session:
        patient_id = pronunciations.remove(session, current_user.id, pronunciation_id)
    return _back(patient_id)


def _back(patient_id: str) -> AnyResponse:
    return redirect(url_for("patients.view", patient_id=patient_id, _anchor="words"))
