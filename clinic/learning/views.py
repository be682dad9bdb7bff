"""What was learned of a patient's speech, at a glance: what understands them now, from what, and what next."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, Response, flash, jsonify, redirect, render_template, request, url_for
from flask_login import current_user
from werkzeug.wrappers import Response as AnyResponse

from clinic.accounts.guard import role_required
from clinic.accounts.tables import CLINICIAN
from clinic.audit import record
from clinic.database import transaction
from clinic.errors import PlainError
from clinic.learning import phrases, progress, service, versions
from clinic.learning.expected import SOURCES, expected, measured
from clinic.learning.serving import serving
from clinic.learning.tables import REFUSED
from clinic.patients.service import get_patient, named
from clinic.voices.progress import sentence as progress_sentence
from clinic.web.errors import wants_json
from clinic.web.playback import is_first_part, play

blueprint = Blueprint("learning", __name__)

#: Sentences on the page before "show all".
_FIRST = 12


@blueprint.get("/patients/<patient_id>/learning")
@role_required(CLINICIAN)
def page(patient_id: str) -> str:
    """Everything that was learned, and from what."""
    return _page(patient_id)


def _page(patient_id: str, typed: dict[str, str] | None = None) -> str:
    everything = "all" in request.args
    with transaction() as session:
        who = named(get_patient(session, patient_id))
        rows, known = service.readings_of(session, patient_id), versions.versions_of(session, patient_id)
        own, taught = service.own_sentences(session, patient_id), phrases.phrases_of(session, patient_id)
        chosen, serves = serving(session, patient_id), versions.in_use(session, patient_id)
        newest = known[0] if known else None
        running = newest if newest is not None and versions.is_running(newest) else None
        checked, refused = service.checked(rows), [row for row in rows if row.state == REFUSED]
        corrections = versions.corrections(session, patient_id)
        learned = set() if serves is None else {*serves.read_aloud_ids, *serves.utterance_ids}
        first = rows if everything else [*refused, *(row for row in rows if row.state != REFUSED)][:_FIRST]
        record(session, current_user.id, "learning.view", patient_id)
        return render_template(
            "learning/page.html",
            who=who,
            patient_id=patient_id,
            may_learn=service.may_learn(session, patient_id),
            readings=service.shown(first),
            counts={
                "all": len(rows),
                "checked": len(checked),
                "corrections": len(corrections),
            },
            least=service.LEAST,
            new=len([one for one in (*(row.id for row in checked), *corrections) if one not in learned]),
            own=own,
            longest_text=service.LONGEST_TEXT,
            phrases=len(taught),
            phrases_ready=sum(not one.lacks for one in taught),
            serves=serves,
            kept=chosen is not None and serves is None,
            newest=newest,
            running=running,
            sentence=progress_sentence(newest) if newest is not None else "",
            others=[one for one in known if one is not serves and one is not running],
            expected=expected(len(checked) + len(corrections), measured(known)),
            sources=SOURCES,
            typed=typed or {},
            fingerprint=progress.fingerprint(rows, known, len(own)),
        )


@blueprint.get("/patients/<patient_id>/learning/state")
@role_required(CLINICIAN)
def state(patient_id: str) -> Response:
    """For the page that waits: how far the learning is, and whether anything else changed."""
    with transaction() as session:
        get_patient(session, patient_id)
        rows, known = service.readings_of(session, patient_id), versions.versions_of(session, patient_id)
        own = service.own_sentences(session, patient_id)
    body: dict[str, Any] = {"fingerprint": progress.fingerprint(rows, known, len(own))}
    if known and versions.is_running(known[0]):
        body |= {"progress": known[0].progress, "sentence": progress_sentence(known[0])}
    return jsonify(body)


@blueprint.post("/patients/<patient_id>/learning")
@role_required(CLINICIAN)
def learn(patient_id: str) -> AnyResponse:
    """Learn from what there is: a new version."""
    try:
        with transaction() as session:
            versions.learn(session, current_user.id, patient_id)
    except PlainError as error:
        if wants_json() or error.code not in ("no_consent", "already_learning", "too_few"):
            raise
        flash(error.message, "bad")
    return _back(patient_id)


@blueprint.post("/patients/<patient_id>/learning/everybodys")
@role_required(CLINICIAN)
def use_everybodys(patient_id: str) -> AnyResponse:
    """Back to recognition as it is for everybody."""
    with transaction() as session:
        versions.use_everybodys(session, current_user.id, patient_id)
    flash("From the next sentence on the patient is understood as everybody is. The versions stay.", "good")
    return _back(patient_id)


@blueprint.post("/learning/<adapter_id>/cancel")
@role_required(CLINICIAN)
def cancel(adapter_id: str) -> AnyResponse:
    """Stop learning."""
    with transaction() as session:
        adapter = versions.cancel(session, current_user.id, adapter_id)
    return _back(adapter.patient_id)


@blueprint.post("/learning/<adapter_id>/use")
@role_required(CLINICIAN)
def use(adapter_id: str) -> AnyResponse:
    """Let this version understand the patient: a newer one, or one of before."""
    with transaction() as session:
        patient_id = versions.get_version(session, adapter_id).patient_id
    try:
        with transaction() as session:
            adapter = versions.use(session, current_user.id, adapter_id)
        flash(f"Version {adapter.version} understands the patient from the next sentence on.", "good")
    except PlainError as error:
        if wants_json() or error.code not in ("no_consent", "not_ready"):
            raise
        flash(error.message, "bad")
    return _back(patient_id)


@blueprint.post("/learning/<adapter_id>/delete")
@role_required(CLINICIAN)
def delete(adapter_id: str) -> AnyResponse:
    """Destroy a version."""
    with transaction() as session:
        adapter = versions.delete(session, current_user.id, adapter_id)
    flash(f"Version {adapter.version} is deleted.", "good")
    return _back(adapter.patient_id)


@blueprint.get("/readings/<reading_id>/sound")
@role_required(CLINICIAN)
def reading_sound(reading_id: str) -> Response:
    """A sentence, as it was read."""
    with transaction() as session:
        row = service.get_reading(session, reading_id)
        if is_first_part():
            record(session, current_user.id, "reading.play", row.id, patient=row.patient_id)
    return play(row.patient_id, row.blob_id, "audio/wav")


@blueprint.post("/readings/<reading_id>/delete")
@role_required(CLINICIAN)
def delete_reading(reading_id: str) -> AnyResponse:
    """Delete a sentence. What was learned from it stays until a version is learned without it."""
    with transaction() as session:
        patient_id = service.delete_reading(session, current_user.id, reading_id)
    flash("The sentence is deleted.", "good")
    return redirect(url_for("learning.page", patient_id=patient_id, _anchor="read"))


@blueprint.post("/patients/<patient_id>/sentences")
@role_required(CLINICIAN)
def add_own(patient_id: str) -> AnyResponse | tuple[str, int]:
    """Sentences out of the patient's own life, one a line."""
    typed = request.form.get("sentences", "")
    try:
        with transaction() as session:
            count = service.add_own(session, current_user.id, patient_id, typed)
    except PlainError as error:
        if wants_json() or error.code not in ("no_consent", "no_text", "too_long", "too_many"):
            raise
        return _page(patient_id, {"sentences": typed, "wrong": error.message}), error.status
    said = "One sentence is" if count == 1 else f"{count} sentences are"
    flash(f"{said} on the list, and will be read before the others.", "good")
    return redirect(url_for("learning.page", patient_id=patient_id, _anchor="own"))


@blueprint.post("/sentences/<own_id>/remove")
@role_required(CLINICIAN)
def remove_own(own_id: str) -> AnyResponse:
    """Take a sentence off the list."""
    with transaction() as session:
        patient_id = service.remove_own(session, current_user.id, own_id)
    return redirect(url_for("learning.page", patient_id=patient_id, _anchor="own"))


def _back(patient_id: str) -> AnyResponse:
    return redirect(url_for("learning.page", patient_id=patient_id))
