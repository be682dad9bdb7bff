"""The blind comparison: prepared by a clinician, heard at the patient's tablet or here, settled by whoever listened.

Nothing on these pages tells who the patient is or which version is which, before the last sentence was answered.
"""

from __future__ import annotations

from flask import Blueprint, Response, flash, jsonify, redirect, render_template, request, url_for
from flask_login import current_user
from sqlalchemy.orm import Session
from werkzeug.wrappers import Response as AnyResponse

from clinic.accounts.guard import role_required
from clinic.accounts.tables import CLINICIAN, TABLET
from clinic.audit import record
from clinic.database import transaction
from clinic.errors import PlainError
from clinic.voices import comparing
from clinic.voices.sentences import SENTENCES
from clinic.voices.speaking import speaking
from clinic.voices.tables import Sitting
from clinic.web.playback import is_first_part, play

blueprint = Blueprint("comparing", __name__)


@blueprint.post("/patients/<patient_id>/comparisons")
@role_required(CLINICIAN)
def prepare(patient_id: str) -> AnyResponse:
    """Have two versions say the same sentences."""
    one, other = request.form.get("one", ""), request.form.get("other", "")
    try:
        with transaction() as session:
            comparing.prepare(session, current_user.id, patient_id, one, other)
    except PlainError as error:
        if error.code not in ("same_version", "no_consent", "not_ready"):
            raise
        flash(error.message, "bad")
    return redirect(url_for("voices.page", patient_id=patient_id, _anchor="compare"))


@blueprint.get("/compare/<comparison_id>")
@role_required(CLINICIAN, TABLET)
def start(comparison_id: str) -> str:
    """Who is listening? Waits until the sentences are made."""
    with transaction() as session:
        pair = comparing.get_pair(session, comparison_id)
        _require_theirs(pair.row.patient_id)
        return render_template("voices/compare_start.html", pair=pair, count=len(SENTENCES), fingerprint=pair.row.state)


@blueprint.get("/compare/<comparison_id>/state")
@role_required(CLINICIAN, TABLET)
def state(comparison_id: str) -> Response:
    """For the page that waits."""
    with transaction() as session:
        row = comparing.get_pair(session, comparison_id).row
        _require_theirs(row.patient_id)
    return jsonify(fingerprint=row.state, progress=row.progress)


@blueprint.post("/compare/<comparison_id>/begin")
@role_required(CLINICIAN, TABLET)
def begin(comparison_id: str) -> AnyResponse:
    """Somebody sits down to listen."""
    with transaction() as session:
        _require_theirs(comparing.get_pair(session, comparison_id).row.patient_id)
        sitting = comparing.begin(session, current_user.id, comparison_id, request.form.get("judge", ""))
    return redirect(url_for("comparing.sitting", sitting_id=sitting.id))


@blueprint.get("/sittings/<sitting_id>")
@role_required(CLINICIAN, TABLET)
def sitting(sitting_id: str) -> str:
    """The sentence that is to be compared; at the end, which version was which."""
    with transaction() as session:
        row = _theirs(session, sitting_id)
        trial = comparing.next_trial(session, sitting_id)
        if trial is not None:
            text, count = SENTENCES[trial.sentence], len(SENTENCES)
            return render_template("voices/compare.html", sitting=row, trial=trial, text=text, count=count)
        pair = comparing.get_pair(session, row.comparison_id)
        found = comparing.result(session, row)
        record(session, current_user.id, "comparison.read", row.comparison_id, patient=row.patient_id)
        return render_template(
            "voices/compare_result.html",
            sitting=row,
            pair=pair,
            found=found,
            others=[other for other in pair.results if other.sitting.id != row.id],
            speaks=speaking(session, row.patient_id),
        )


@blueprint.get("/sittings/<sitting_id>/<int:number>/<side>")
@role_required(CLINICIAN, TABLET)
def sound(sitting_id: str, number: int, side: str) -> Response:
    """One side of a sentence."""
    with transaction() as session:
        row = _theirs(session, sitting_id)
        blob_id = comparing.sound_of(session, sitting_id, number, side)
        if is_first_part():
            record(session, current_user.id, "comparison.play", row.comparison_id, patient=row.patient_id)
    return play(row.patient_id, blob_id, "audio/wav")


@blueprint.post("/sittings/<sitting_id>/answer")
@role_required(CLINICIAN, TABLET)
def answer(sitting_id: str) -> AnyResponse:
    """A, B, or no difference."""
    number = request.form.get("number", "")
    with transaction() as session:
        _theirs(session, sitting_id)
        known = int(number) if number.isascii() and number.isdigit() and len(number) < 4 else 0
        comparing.answer(session, current_user.id, sitting_id, known, request.form.get("answer", ""))
    return redirect(url_for("comparing.sitting", sitting_id=sitting_id))


@blueprint.post("/sittings/<sitting_id>/settle")
@role_required(CLINICIAN, TABLET)
def settle(sitting_id: str) -> AnyResponse:
    """Let one of the two speak from now on."""
    with transaction() as session:
        _theirs(session, sitting_id)
        comparing.settle(session, current_user.id, sitting_id, request.form.get("voice", ""))
    return redirect(url_for("comparing.sitting", sitting_id=sitting_id))


def _theirs(session: Session, sitting_id: str) -> Sitting:
    row = comparing.get_sitting(session, sitting_id)
    _require_theirs(row.patient_id)
    return row


def _require_theirs(patient_id: str) -> None:
    """A tablet is one patient's: another's comparison does not exist for it."""
    if current_user.role == TABLET and current_user.patient_id != patient_id:
        raise PlainError("no_comparison", "There is no such comparison here.", 404)
