"""What patients agreed to, scope by scope. Nothing is deleted: a consent that is withdrawn stays on record."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import or_, select
from sqlalchemy.orm import Session

from clinic.accounts.tables import Account
from clinic.audit import record
from clinic.database import new_id, now
from clinic.errors import PlainError
from clinic.learning.tables import Adapter
from clinic.patients.service import get_patient
from clinic.patients.tables import SCOPES, Consent
from clinic.speaker import keeping
from clinic.speaker.tables import SCOPE as KNOWS_VOICE
from clinic.vault import get_vault
from clinic.voices.tables import BUILDING, QUEUED, Voice

_LONGEST_STATEMENT = 2000


@dataclass(frozen=True)
class Scope:
    """A consent in the words that are read out to the patient."""

    code: str
    title: str
    explanation: str
    without: str


WORDING = {
    scope.code: scope
    for scope in (
        Scope(
            "keep_voice",
            "Keep my recordings and build my voice",
            "Recordings of how I used to sound are kept here, sealed, and a voice is built from them.",
            "No recording can be added and no voice can be built.",
        ),
        Scope(
            "speak_for_me",
            "Speak for me in my voice",
            "What I say at the tablet is understood by software and said again, clearly, in my own voice.",
            "The tablet does not speak.",
        ),
        Scope(
            "watch_distress",
            "Notice distress and urgency",
            "Software also listens to how I say things, and shows my clinicians moments that may be distress or "
            "urgency, with the reason.",
            "How things are said is not examined.",
        ),
        Scope(
            "learn_corrections",
            "Learn how I speak",
            "Sentences that I read aloud, and what I pick when the tablet is unsure, are kept to teach the software "
            "how I speak.",
            "Nothing is learned: recognition stays as it is for everybody.",
        ),
        Scope(
            "know_my_voice",
            "Know my voice of today",
            "From sentences that I read aloud, and from what I confirm at the tablet, software keeps how my voice "
            "sounds today, so that nobody else is spoken for in my voice. It serves nothing else.",
            "The tablet does not tell me from others, and what it kept for that is deleted.",
        ),
        Scope(
            "draft_notes",
            "Draft notes for my record",
            "What I said in a session is written down as a draft note that a clinician checks.",
            "No note is drafted.",
        ),
    )
}


@dataclass(frozen=True)
class State:
    """Where one scope stands. `consent` is the newest record; `active` whether it counts now."""

    scope: Scope
    active: bool
    consent: Consent | None
    recorded_by: str
    statement: str


def active(session: Session, patient_id: str, scope: str) -> Consent | None:
    """The consent to `scope` that counts now."""
    query = (
        select(Consent)
        .where(Consent.patient_id == patient_id, Consent.scope == scope, Consent.withdrawn_at.is_(None))
        .where(or_(Consent.expires_at.is_(None), Consent.expires_at > now()))
        .order_by(Consent.given_at.desc())
    )
    return session.scalars(query.limit(1)).first()


def give(
    session: Session, actor: str, patient_id: str, scope: str, *, by_guardian: bool = False, statement: str = ""
) -> Consent:
    """Record a consent; one that counts already stays as it is. Raises PlainError 'no_scope', 'statement_too_long'."""
    get_patient(session, patient_id)
    if scope not in SCOPES:
        raise PlainError("no_scope", "There is no such consent.", 404)
    if len(statement) > _LONGEST_STATEMENT:
        raise PlainError("statement_too_long", f"Shorten the statement to {_LONGEST_STATEMENT} characters.")
    existing = active(session, patient_id, scope)
    if existing is not None:
        return existing
    consent = Consent(
        id=new_id(), patient_id=patient_id, scope=scope, given_at=now(), recorded_by=actor, by_guardian=by_guardian
    )
    if statement.strip():
        get_vault().put(consent, "statement_sealed", statement.strip())
    session.add(consent)
    record(session, actor, "consent.give", patient_id, scope=scope, by_guardian=by_guardian)
    return consent


def withdraw(session: Session, actor: str, patient_id: str, scope: str) -> None:
    """Withdraw every consent to `scope`. A build that runs on it is stopped."""
    get_patient(session, patient_id)
    in_force = select(Consent).where(Consent.patient_id == patient_id, Consent.scope == scope)
    for consent in session.scalars(in_force.where(Consent.withdrawn_at.is_(None))):
        consent.withdrawn_at = now()
        record(session, actor, "consent.withdraw", patient_id, scope=scope)
    if scope == "keep_voice":
        running = select(Voice).where(Voice.patient_id == patient_id, Voice.state.in_((QUEUED, BUILDING)))
        for voice in session.scalars(running):
            voice.cancel_requested = True
    if scope == KNOWS_VOICE:
        keeping.forget(session, patient_id)
    if scope == "learn_corrections":
        learning = select(Adapter).where(Adapter.patient_id == patient_id, Adapter.state.in_((QUEUED, BUILDING)))
        for adapter in session.scalars(learning):
            adapter.cancel_requested = True


def overview(session: Session, patient_id: str) -> list[State]:
    """All scopes, in the order in which they are asked."""
    newest: dict[str, Consent] = {}
    rows = select(Consent).where(Consent.patient_id == patient_id).order_by(Consent.given_at)
    for consent in session.scalars(rows):
        newest[consent.scope] = consent
    people = {consent.recorded_by for consent in newest.values()}
    names = {account.id: account.username for account in session.scalars(select(Account).where(Account.id.in_(people)))}
    states = []
    for code in SCOPES:
        counts = active(session, patient_id, code)
        shown = counts or newest.get(code)
        statement = get_vault().get_text(shown, "statement_sealed") if shown and shown.statement_sealed else ""
        recorded_by = names.get(shown.recorded_by, "") if shown else ""
        states.append(State(WORDING[code], counts is not None, shown, recorded_by, statement))
    return states
