"""The page of one session: what was said, how it sounded, and the draft note."""

from __future__ import annotations

from flask import Blueprint, Response, flash, jsonify, redirect, render_template, url_for
from flask_login import current_user
from sqlalchemy import func, select
from sqlalchemy.orm import Session
from werkzeug.wrappers import Response as AnyResponse

from clinic.accounts.guard import role_required
from clinic.accounts.tables import CLINICIAN
from clinic.audit import record
from clinic.database import transaction
from clinic.errors import PlainError
from clinic.live.tables import Utterance
from clinic.notes import service
from clinic.notes.tables import Note
from clinic.patients import consents
from clinic.patients.overview import UNUSUAL
from clinic.patients.service import get_patient, named
from clinic.web.errors import answer, wants_json
from clinic.web.playback import is_first_part, play

blueprint = Blueprint("notes", __name__)


@blueprint.get("/sessions/<session_id>")
@role_required(CLINICIAN)
def session_page(session_id: str) -> str:
    """Utterances in order beside the draft note."""
    with transaction() as session:
        row = service.get_live_session(session, session_id)
        # Before what it stands for: a note that is written while this page is read must make the page ask again.
        fingerprint = _fingerprint(session, session_id)
        heard = service.heard_in(session, session_id)
        numbers = {one.row.id: one.row.number for one in heard}
        draft = service.newest_draft(session, session_id, numbers)
        record(session, current_user.id, "note.read", session_id, patient=row.patient_id)
        return render_template(
            "notes/session.html",
            who=named(get_patient(session, row.patient_id)),
            live=row,
            heard=heard,
            draft=draft,
            draft_failed=service.last_draft_failed(session, session_id),
            unusual=UNUSUAL,
            may_draft=consents.active(session, row.patient_id, "draft_notes") is not None,
            fingerprint=fingerprint,
        )


@blueprint.get("/sessions/<session_id>/state")
@role_required(CLINICIAN)
def state(session_id: str) -> Response:
    """For the page that waits: whether there is a newer note, or another utterance."""
    with transaction() as session:
        service.get_live_session(session, session_id)
        return jsonify(fingerprint=_fingerprint(session, session_id))


def _fingerprint(session: Session, session_id: str) -> str:
    version = session.scalar(select(func.max(Note.version)).where(Note.session_id == session_id)) or 0
    states = session.scalars(select(Utterance.state).where(Utterance.session_id == session_id)).all()
    counts = "-".join(f"{name}{states.count(name)}" for name in sorted(set(states)))
    return f"{version}-{counts}"


@blueprint.post("/sessions/<session_id>/draft")
@role_required(CLINICIAN)
def draft(session_id: str) -> AnyResponse:
    """Draft the note again."""
    try:
        with transaction() as session:
            service.draft_again(session, current_user.id, session_id)
    except PlainError as error:
        if wants_json() or error.code != "no_consent":
            raise
        flash(error.message, "bad")
    else:
        flash("A new draft was asked for. It appears below, with its version and time.", "good")
    return redirect(url_for("notes.session_page", session_id=session_id, _anchor="note"))


@blueprint.get("/utterances/<utterance_id>/heard")
@role_required(CLINICIAN)
def heard_sound(utterance_id: str) -> Response:
    """What the patient said, as it was said."""
    with transaction() as session:
        row = service.get_utterance(session, utterance_id)
        if is_first_part():
            record(session, current_user.id, "utterance.play", row.id, patient=row.patient_id, which="heard")
    return play(row.patient_id, row.audio_blob_id, "audio/wav")


@blueprint.get("/utterances/<utterance_id>/restored")
@role_required(CLINICIAN)
def restored_sound(utterance_id: str) -> Response:
    """What was said again in the patient's voice."""
    with transaction() as session:
        row = service.get_utterance(session, utterance_id)
        if row.restored_blob_id is None:
            return answer("not_spoken", "Nothing was spoken at this moment.", 404)
        if is_first_part():
            record(session, current_user.id, "utterance.play", row.id, patient=row.patient_id, which="restored")
    return play(row.patient_id, row.restored_blob_id, "audio/wav")
