"""The clinician's first page, the list of patients, and the page of one patient."""

from __future__ import annotations

from flask import Blueprint, flash, redirect, render_template, request, url_for
from flask_login import current_user, login_required
from sqlalchemy import select
from werkzeug.wrappers import Response

from clinic.accounts.guard import role_required
from clinic.accounts.tables import ADMINISTRATOR, CLINICIAN, TABLET
from clinic.audit import record
from clinic.database import transaction
from clinic.errors import PlainError
from clinic.learning import versions
from clinic.live.utterances import Pause, pause_of
from clinic.patients import consents, listed_words, modes, overview, pronunciations, service, tablets
from clinic.patients.tables import Patient
from clinic.speaker import service as speaker
from clinic.voices.speaking import speaking
from clinic.voices.tables import DELETED, Voice
from clinic.web.errors import wants_json

blueprint = Blueprint("patients", __name__)


@blueprint.get("/")
@login_required
def start() -> Response | str:
    """Each role's first page. A clinician's: what was unusual in the last day, and the builds in progress."""
    if current_user.role == TABLET:
        return redirect(url_for("live.tablet"))
    if current_user.role == ADMINISTRATOR:
        return redirect(url_for("accounts.people"))
    with transaction() as session:
        moments, builds = overview.unusual_moments(session), overview.builds(session)
        learnings = overview.learnings(session)
        for moment in moments:
            record(session, current_user.id, "patient.view", moment.patient_id, where="start")
        anybody = session.scalars(select(Patient.id).limit(1)).first() is not None
    return render_template("patients/start.html", moments=moments, builds=builds, learnings=learnings, anybody=anybody)


@blueprint.route("/patients", methods=["GET", "POST"])
@role_required(CLINICIAN)
def index() -> str:
    """Everyone, or whoever was searched for. Searching is a POST: names have no place in addresses and in logs."""
    looking_for = request.form.get("looking_for", "").strip()[:120]
    with transaction() as session:
        found = service.list_patients(session, looking_for)
        record(session, current_user.id, "patients.list", "patients", count=len(found))
    return render_template("patients/index.html", found=found, looking_for=looking_for)


@blueprint.route("/patients/new", methods=["GET", "POST"])
@role_required(CLINICIAN)
def create() -> Response | str | tuple[str, int]:
    """A new patient."""
    if request.method == "GET":
        return render_template("patients/new.html", form={}, wrong="", languages=service.LANGUAGES)
    form = {name: request.form.get(name, "") for name in ("name", "hospital_number", "language")}
    try:
        with transaction() as session:
            patient = service.create_patient(session, current_user.id, **form)
    except PlainError as error:
        page = render_template("patients/new.html", form=form, wrong=error.message, languages=service.LANGUAGES)
        return page, error.status
    flash("The patient is registered. Ask for their consent next.", "good")
    if not modes.is_spoken(patient.language):
        called = service.LANGUAGES[patient.language]
        flash(f"The voices speak English only. What they say in {called} sounds in English.", "good")
    return redirect(url_for("patients.view", patient_id=patient.id))


@blueprint.get("/patients/<patient_id>")
@role_required(CLINICIAN)
def view(patient_id: str) -> str:
    """Consents, settings, the state of the voice, sessions and tablets of one patient."""
    return _page(patient_id)


def _page(patient_id: str, paired: tablets.Paired | None = None, listing: listed_words.Typed | None = None) -> str:
    with transaction() as session:
        patient = service.get_patient(session, patient_id)
        states = consents.overview(session, patient_id)
        words = pronunciations.list_of(session, patient_id)
        kept = select(Voice).where(Voice.patient_id == patient_id, Voice.state != DELETED)
        page = render_template(
            "patients/view.html",
            who=service.named(patient),
            patient=patient,
            consents=states,
            voices=session.scalars(kept.order_by(Voice.version.desc())).all(),
            speaks=speaking(session, patient_id),
            learned=versions.in_use(session, patient_id),
            sessions=overview.sessions_of(session, patient_id),
            tablets=tablets.list_tablets(session, patient_id),
            words=words,
            listed=listed_words.list_of(session, patient_id),
            listing=listing or listed_words.Typed(),
            words_fingerprint=pronunciations.fingerprint(words),
            ranges=service.RANGES,
            check=speaker.overview(session, patient_id),
            language=service.LANGUAGES.get(patient.language, patient.language),
            english=modes.is_spoken(patient.language),
            pause_help=_pause_help(pause_of(session, patient_id)),
            unusual=overview.UNUSUAL,
            paired=paired,
        )
        record(session, current_user.id, "patient.view", patient_id)
    return page


def _pause_help(pause: Pause) -> str:
    begins = "Longer, for whoever needs time between words. Their own pauses are learned from their turns."
    if not pause.learned_from:
        return begins
    turns = "turn" if pause.learned_from == 1 else f"{pause.learned_from} turns"
    return f"{begins} Now {pause.pause_s:.1f} s, learned from their last {turns}; moving this begins anew."


@blueprint.post("/patients/<patient_id>/consents/<scope>/give")
@role_required(CLINICIAN)
def give_consent(patient_id: str, scope: str) -> Response:
    """Record that the patient, or their guardian, agreed."""
    with transaction() as session:
        consents.give(
            session,
            current_user.id,
            patient_id,
            scope,
            by_guardian="by_guardian" in request.form,
            statement=request.form.get("statement", ""),
        )
    flash("The consent is on record.", "good")
    return redirect(url_for("patients.view", patient_id=patient_id, _anchor="consents"))


@blueprint.post("/patients/<patient_id>/consents/<scope>/withdraw")
@role_required(CLINICIAN)
def withdraw_consent(patient_id: str, scope: str) -> Response:
    """Record that it was withdrawn. It counts from this moment."""
    with transaction() as session:
        consents.withdraw(session, current_user.id, patient_id, scope)
    flash("The consent is withdrawn. It counts from now on.", "good")
    return redirect(url_for("patients.view", patient_id=patient_id, _anchor="consents"))


@blueprint.post("/patients/<patient_id>/settings")
@role_required(CLINICIAN)
def change_settings(patient_id: str) -> Response:
    """Pause, certainty, manner and pace, as the patient likes them."""
    try:
        values = {name: float(request.form[name]) for name in service.RANGES if name in request.form}
    except ValueError:
        raise PlainError("not_a_number", "One of the settings is not a number. Nothing was changed.") from None
    with transaction() as session:
        service.change_settings(session, current_user.id, patient_id, values)
    flash("The settings are changed. They count from the next sentence on.", "good")
    return redirect(url_for("patients.view", patient_id=patient_id, _anchor="settings"))


@blueprint.post("/patients/<patient_id>/asks-first")
@role_required(CLINICIAN)
def change_asks_first(patient_id: str) -> Response:
    """Whether the tablet asks before it speaks, until this patient's speech is learned."""
    asks_first = "asks_first" in request.form
    with transaction() as session:
        service.change_asks_first(session, current_user.id, patient_id, asks_first)
    asks = "The tablet asks before it speaks, until this patient’s speech is learned."
    lifted = "The tablet speaks unasked when it is sure. Listen with the patient whether it understands well enough."
    flash(asks if asks_first else lifted, "good")
    return redirect(url_for("patients.view", patient_id=patient_id, _anchor="asks-first"))


@blueprint.post("/patients/<patient_id>/listed-words")
@role_required(CLINICIAN)
def add_listed_words(patient_id: str) -> Response | tuple[str, int]:
    """Names and places for recognition to look for, one a line. What cannot be taken stays typed."""
    typed = request.form.get("words", "")
    try:
        with transaction() as session:
            count = listed_words.add(session, current_user.id, patient_id, typed)
    except PlainError as error:
        if wants_json() or error.code not in ("no_word", "word_too_long", "too_many"):
            raise
        return _page(patient_id, listing=listed_words.Typed(typed, error.message)), error.status
    said = {0: "Nothing new: all of them are on the list already.", 1: "One word is on the list."}
    flash(said.get(count, f"{count} words are on the list."), "good")
    return redirect(url_for("patients.view", patient_id=patient_id, _anchor="listed"))


@blueprint.post("/listed-words/<word_id>/remove")
@role_required(CLINICIAN)
def remove_listed_word(word_id: str) -> Response:
    """Take a word off the list."""
    with transaction() as session:
        patient_id = listed_words.remove(session, current_user.id, word_id)
    return redirect(url_for("patients.view", patient_id=patient_id, _anchor="listed"))


@blueprint.post("/patients/<patient_id>/mode")
@role_required(CLINICIAN)
def change_mode(patient_id: str) -> Response:
    """How what this patient says is said again."""
    mode, into = request.form.get("speech_mode", ""), request.form.get("into", modes.SPOKEN)
    try:
        with transaction() as session:
            service.change_mode(session, current_user.id, patient_id, mode, into)
    except PlainError as error:
        if wants_json() or error.status != 400:
            raise
        flash(error.message, "bad")
    else:
        flash("How this patient is heard is set. It counts from the next sentence on.", "good")
    return redirect(url_for("patients.view", patient_id=patient_id, _anchor="mode"))


@blueprint.post("/patients/<patient_id>/tablets")
@role_required(CLINICIAN)
def pair_tablet(patient_id: str) -> str:
    """A new tablet. Its password is on this one answer and nowhere else, so there is no redirect."""
    with transaction() as session:
        paired = tablets.pair(session, current_user.id, patient_id)
    return _page(patient_id, paired)


@blueprint.post("/patients/<patient_id>/tablets/<account_id>/disable")
@role_required(CLINICIAN)
def unpair_tablet(patient_id: str, account_id: str) -> Response:
    """Sign a tablet out for good: it was lost, or is no longer needed."""
    with transaction() as session:
        account = tablets.unpair(session, current_user.id, patient_id, account_id)
    flash(f"{account.username} is signed out and cannot sign in any more.", "good")
    return redirect(url_for("patients.view", patient_id=patient_id, _anchor="tablets"))
