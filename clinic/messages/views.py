"""The page of a patient's banked messages, and what the patient's tablet plays of them."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, Response, flash, jsonify, redirect, render_template, request, url_for
from flask_login import current_user
from flask_wtf.csrf import validate_csrf
from werkzeug.wrappers import Response as AnyResponse
from wtforms.validators import ValidationError

from clinic.accounts.guard import role_required
from clinic.accounts.tables import CLINICIAN, TABLET
from clinic.audit import record
from clinic.database import transaction
from clinic.errors import PlainError
from clinic.messages import service
from clinic.messages.tables import Message
from clinic.patients import consents
from clinic.patients.service import get_patient, named
from clinic.settings import get_settings
from clinic.vault import VaultError, get_vault
from clinic.voices import comparing
from clinic.voices.service import get_recording, recordings_of
from clinic.voices.tables import REFUSED, Recording
from clinic.voices.upload import Form
from clinic.web.errors import wants_json
from clinic.web.playback import is_first_part, play

blueprint = Blueprint("messages", __name__)

_MISTYPED = ("no_name", "name_too_long", "bad_times", "too_many", "no_consent", "upload_broken", "no_file")


@blueprint.get("/patients/<patient_id>/messages")
@role_required(CLINICIAN)
def page(patient_id: str) -> str:
    """The messages, and the recording that the next one is cut from."""
    return _page(patient_id)


def _page(patient_id: str, typed: dict[str, str] | None = None) -> str:
    typed = typed or {"recording": request.args.get("recording", "")}
    with transaction() as session:
        who = named(get_patient(session, patient_id))
        recordings = [row for row in recordings_of(session, patient_id) if row.state != REFUSED]
        source = next((row for row in recordings if row.id == typed.get("recording")), None)
        if source is not None and source.transcript_sealed is not None:
            record(session, current_user.id, "recording.read", source.id)
        shown = service.messages_of(session, patient_id)
        record(session, current_user.id, "message.list", patient_id)
        return render_template(
            "messages/page.html",
            who=who,
            patient_id=patient_id,
            consent=consents.active(session, patient_id, "keep_voice") is not None,
            shown=shown,
            recordings=[(row, _filename(row)) for row in recordings],
            source=source,
            source_name=_filename(source) if source is not None else "",
            words=_words(source) if source is not None else [],
            typed=typed,
            most_bytes=get_settings().max_upload_bytes,
            longest_name=service.LONGEST_NAME,
            fingerprint=service.fingerprint(shown),
        )


def _filename(row: Recording) -> str:
    try:
        return get_vault().get_text(row, "filename_sealed")
    except VaultError:
        return "Name not readable"


def _words(row: Recording) -> list[tuple[str, float, float]]:
    """(word, start_s, end_s) of the transcript."""
    if row.transcript_sealed is None:
        return []
    return [(word[0], word[1], word[2]) for word in get_vault().get_json(row, "transcript_sealed")["words"]]


@blueprint.get("/patients/<patient_id>/messages/state")
@role_required(CLINICIAN)
def state(patient_id: str) -> Response:
    """For the page that waits for a piece to be cut."""
    with transaction() as session:
        get_patient(session, patient_id)
        return jsonify(fingerprint=service.fingerprint(service.messages_of(session, patient_id)))


@blueprint.post("/patients/<patient_id>/messages")
@role_required(CLINICIAN)
def cut(patient_id: str) -> AnyResponse | str | tuple[str, int]:
    """Cut a piece out of an enrolled recording."""
    typed = {name: request.form.get(name, "") for name in ("recording", "name", "start", "end")}
    try:
        with transaction() as session:
            service.cut(session, current_user.id, patient_id, *typed.values())
    except PlainError as error:
        return _again(error, patient_id, typed)
    flash("The piece is being cut. It appears in the list in a moment.", "good")
    return redirect(url_for("messages.page", patient_id=patient_id, recording=typed["recording"]))


@blueprint.post("/patients/<patient_id>/messages/upload")
@role_required(CLINICIAN)
def upload(patient_id: str) -> AnyResponse | str | tuple[str, int]:
    """A file that is kept as a message, and that no voice is built from.

    Exempt from the app's own CSRF check, as `voices.upload` is and for the same reason; the fields come before the
    file, so the token is checked before a byte of it is kept.
    """
    request.max_content_length = get_settings().max_upload_bytes
    with transaction() as session:
        get_patient(session, patient_id)
    form = Form(request)
    try:
        kept = _take(form, patient_id)
        if not kept:
            raise PlainError("no_file", "No recording arrived. Choose a file, then send it.")
    except PlainError as error:
        return _again(error, patient_id, {name: form.fields.get(name, "") for name in ("name", "start", "end")})
    flash("The recording arrived and is being made ready.", "good")
    return redirect(url_for("messages.page", patient_id=patient_id))


def _take(form: Form, patient_id: str) -> bool:
    vault, kept = get_vault(), False
    for part in form.files():
        try:
            validate_csrf(form.fields.get("csrf_token", ""))
        except ValidationError:
            raise PlainError("csrf", "This form is too old. Load the page again, then send it again.") from None
        if kept or not part.filename or not part.first_byte():
            continue
        typed = [form.fields.get(name, "") for name in ("name", "start", "end")]
        service.tidy_name(typed[0])  # before the file is read: a long upload must not be in vain
        service.times(typed[1], typed[2], None)
        blob_id = vault.put_blob(patient_id, part.buffered())
        try:
            with transaction() as session:
                service.bank_upload(session, current_user.id, patient_id, blob_id, *typed)
        except BaseException:
            vault.delete_blob(blob_id)
            raise
        kept = True
    return kept


def _again(error: PlainError, patient_id: str, typed: dict[str, str]) -> tuple[str, int]:
    """The page once more, with what was typed, and what was wrong with it."""
    if wants_json() or error.code not in _MISTYPED:
        raise error
    return _page(patient_id, {**typed, "wrong": error.message}), error.status


@blueprint.post("/messages/<message_id>/rename")
@role_required(CLINICIAN)
def rename(message_id: str) -> AnyResponse:
    """Another name."""
    return _changed(message_id, service.rename, request.form.get("name", ""))


@blueprint.post("/messages/<message_id>/move")
@role_required(CLINICIAN)
def move(message_id: str) -> AnyResponse:
    """One place up or down."""
    return _changed(message_id, service.move, -1 if request.form.get("to") == "up" else 1)


@blueprint.post("/messages/<message_id>/remove")
@role_required(CLINICIAN)
def remove(message_id: str) -> AnyResponse:
    """Remove a message. The recording that it was cut from stays."""
    with transaction() as session:
        patient_id = service.remove(session, current_user.id, message_id)
    return redirect(url_for("messages.page", patient_id=patient_id))


def _changed(message_id: str, change: Any, *args: Any) -> AnyResponse:
    with transaction() as session:
        patient_id = service.get(session, message_id).patient_id
    try:
        with transaction() as session:
            change(session, current_user.id, message_id, *args)
    except PlainError as error:
        if wants_json() or error.code not in _MISTYPED:
            raise
        flash(error.message, "bad")
    return redirect(url_for("messages.page", patient_id=patient_id))


@blueprint.get("/messages/<message_id>/sound")
@role_required(CLINICIAN, TABLET)
def sound(message_id: str) -> Response:
    """The original, as it is. A tablet hears its own patient's only."""
    with transaction() as session:
        row = service.get(session, message_id)
        _require_theirs(row)
        if row.blob_id is None or consents.active(session, row.patient_id, "keep_voice") is None:
            raise _not_here()
        if is_first_part():
            record(session, current_user.id, "message.play", row.id, patient=row.patient_id)
    response = play(row.patient_id, row.blob_id, "audio/wav")
    response.headers["X-Samevoice-Source"] = "original-recording"  # nothing synthetic, so no mark and no record
    return response


@blueprint.get("/tablet/own")
@role_required(TABLET)
def own() -> Response:
    """What the patient's tablet offers beside speaking: their own recordings, a comparison, reading aloud."""
    with transaction() as session:
        patient_id = str(current_user.patient_id)
        get_patient(session, patient_id)
        shown = service.playable(session, patient_id)
        waiting = comparing.to_hear(session, patient_id)
        teach = url_for("saying.read_here") if consents.active(session, patient_id, "learn_corrections") else None
    messages = [
        {"name": one.name, "sound": url_for("messages.sound", message_id=one.row.id), "duration_s": one.row.duration_s}
        for one in shown
    ]
    compare = url_for("comparing.start", comparison_id=waiting.row.id) if waiting is not None else None
    return jsonify(messages=messages, compare=compare, teach=teach)


def _require_theirs(row: Message) -> None:
    if current_user.role == TABLET and current_user.patient_id != row.patient_id:
        raise _not_here()


def _not_here() -> PlainError:
    return PlainError("no_message", "There is no such message here.", 404)


@blueprint.get("/recordings/<recording_id>/cut")
@role_required(CLINICIAN)
def cut_from(recording_id: str) -> AnyResponse:
    """From a recording to where it is cut."""
    with transaction() as session:
        row = get_recording(session, recording_id)
    return redirect(url_for("messages.page", patient_id=row.patient_id, recording=row.id, _anchor="cut"))
