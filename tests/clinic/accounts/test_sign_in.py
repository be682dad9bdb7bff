"""Getting in, staying in, and being kept out."""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from pathlib import Path
from unittest.mock import patch

import pytest
from click.testing import CliRunner
from flask import Flask
from sqlalchemy import select

from clinic.accounts import passwords, service
from clinic.accounts.cli import people
from clinic.accounts.tables import Account
from clinic.audit.tables import AuditLine
from clinic.database import transaction
from clinic.errors import PlainError
from clinic.settings import get_settings
from tests.browser import seeding
from tests.clinic.pages import Visitor


def test_the_right_password_opens_the_first_page(visitor: Visitor) -> None:
    answer = visitor.sign_in()
    assert answer.status_code == 302 and answer.headers["Location"] == "/"
    assert "The last 24 hours" in visitor.get("/").text


def test_an_unknown_name_and_a_wrong_password_are_answered_alike_and_both_cost_a_hash(visitor: Visitor) -> None:
    texts, hashes = [], []
    for username in (seeding.CLINICIAN, "nobody.at.all"):
        with patch.object(passwords, "_hasher", wraps=passwords._hasher) as hasher:
            answer = visitor.sign_in(username, "not the pass phrase")
            hashes.append(hasher.verify.call_count)
        assert answer.status_code == 400
        # Each page has a token of its own, that holds the second it was made in.
        texts.append(re.sub(r'(?<=name="csrf_token" value=")[^"]*', "", answer.text.split("</head>")[1]))
    assert texts[0] == texts[1]
    assert hashes == [1, 1]


def test_a_disabled_account_is_out_at_once_and_stays_out(clinician: Visitor) -> None:
    with transaction() as session:
        account = service.find(session, seeding.CLINICIAN)
        assert account is not None
        service.disable(session, account)
    assert "/sign-in" in clinician.get("/").headers["Location"]
    assert clinician.sign_in().status_code == 400


def test_tries_are_limited_per_address_and_per_account(web: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(get_settings(), "login_limit", "3 per minute")
    one = Visitor(web.test_client())
    statuses = [one.sign_in(f"guess{number}", "wrong wrong wrong").status_code for number in range(4)]
    assert statuses == [400, 400, 400, 429]
    assert "Too many tries" in one.sign_in("x", "y").text
    from clinic.web.limits import limiter

    limiter.reset()
    data = {"username": seeding.CLINICIAN, "password": "wrong wrong wrong", "csrf_token": one.token()}
    tries = [
        one.client.post("/sign-in", data=data, environ_base={"REMOTE_ADDR": f"10.0.0.{number}"}).status_code
        for number in range(4)
    ]
    assert tries == [400, 400, 400, 429]


def test_a_session_that_was_planted_before_sign_in_is_worth_nothing(visitor: Visitor) -> None:
    with visitor.client.session_transaction() as planted:
        planted["planted"] = "by a stranger"
    visitor.sign_in()
    with visitor.client.session_transaction() as held:
        assert "planted" not in held


def test_signing_out_kills_a_copied_cookie(web: Flask, clinician: Visitor) -> None:
    copied = clinician.client.get_cookie("samevoice")
    assert copied is not None
    thief = web.test_client()
    thief.set_cookie("samevoice", copied.value)
    assert thief.get("/patients").status_code == 200
    assert clinician.post("/sign-out").status_code == 302
    assert thief.get("/patients").status_code == 302


def test_signing_out_needs_a_form_of_ours(clinician: Visitor) -> None:
    assert clinician.get("/sign-out").status_code == 405
    assert clinician.client.post("/sign-out").status_code == 400
    assert clinician.get("/patients").status_code == 200


def test_a_clinician_who_was_away_is_signed_out_and_a_polling_page_keeps_nobody_in(
    clinician: Visitor, patient_id: str
) -> None:
    idle_s = get_settings().session_idle_s
    state, poll = f"/patients/{patient_id}/voice/state", {"X-Samevoice-Poll": "1", "Accept": "application/json"}
    with patch("clinic.accounts.session.time.time", lambda: time.monotonic() + 10**9):
        clinician.sign_in()
        started = 10**9 + time.monotonic()
    with patch("clinic.accounts.session.time.time", lambda: started + idle_s - 60):
        assert clinician.get(state, headers=poll).status_code == 200
    with patch("clinic.accounts.session.time.time", lambda: started + idle_s + 60):
        answer = clinician.get(state, headers=poll)
        assert answer.status_code == 401 and answer.json["error"]["code"] == "signed_out"
    assert clinician.get("/patients").status_code == 302


@pytest.mark.parametrize(
    "target", ["https://evil.example/", "//evil.example", "/\\evil.example", "javascript:alert(1)"]
)
def test_sign_in_never_sends_anybody_elsewhere(visitor: Visitor, target: str) -> None:
    data = {"username": seeding.CLINICIAN, "password": seeding.PASSWORD, "next": target}
    assert visitor.post("/sign-in", data).headers["Location"] == "/"


def test_sign_in_goes_on_to_the_page_that_was_asked_for(visitor: Visitor) -> None:
    asked = visitor.get("/patients/new")
    assert "next=/patients/new" in asked.headers["Location"] or "next=%2Fpatients%2Fnew" in asked.headers["Location"]
    data = {"username": seeding.CLINICIAN, "password": seeding.PASSWORD, "next": "/patients/new"}
    assert visitor.post("/sign-in", data).headers["Location"] == "/patients/new"


def test_roles_open_their_own_pages_and_no_others(
    visitor: Visitor, another: Callable[[str], Visitor], patient_id: str
) -> None:
    administrator, clinician = another(seeding.ADMINISTRATOR), another(seeding.CLINICIAN)
    assert administrator.get("/people").status_code == 200
    for path in ("/patients", f"/patients/{patient_id}", f"/patients/{patient_id}/voice"):
        refused = administrator.get(path)
        assert refused.status_code == 403 and "your role may not open" in refused.text
        assert "Margit" not in refused.text
        assert visitor.get(path).status_code == 302
    assert clinician.get("/people").status_code == 403


def test_a_new_password_counts_at_once_and_ends_other_sessions(
    clinician: Visitor, another: Callable[[str], Visitor]
) -> None:
    elsewhere = another(seeding.CLINICIAN)
    form = {"current": seeding.PASSWORD, "new": "seven grey geese", "again": "seven grey geese"}
    wrong = clinician.post("/password", {**form, "current": "something else"})
    assert wrong.status_code == 400 and "not your current password" in wrong.text
    assert "twice" in clinician.post("/password", {**form, "again": "seven grey goats"}).text
    assert clinician.post("/password", form).status_code == 302
    assert clinician.get("/patients").status_code == 200
    assert elsewhere.get("/patients").status_code == 302
    assert elsewhere.sign_in(password="seven grey geese").status_code == 302


@pytest.mark.parametrize(
    ("password", "username"),
    [
        ("short", "x"),
        ("password1234", "x"),
        ("Password 1234", "x"),
        ("aaaaaaaaaaaaaaa", "x"),
        ("drosei123456", "drosei"),
        ("y" * 300, "x"),
    ],
)
def test_weak_passwords_are_refused_with_a_reason(password: str, username: str) -> None:
    with pytest.raises(PlainError) as refused:
        passwords.check_strength(password, username)
    assert refused.value.code == "weak_password"


@pytest.mark.parametrize("password", ["three small boats", "只有很长的中文密码才可以用", "ALL CAPITALS HERE"])
def test_any_characters_make_a_good_password(password: str) -> None:
    passwords.check_strength(password, "dr.osei")


def test_old_hashes_are_made_anew_at_sign_in(visitor: Visitor) -> None:
    from argon2 import PasswordHasher

    weak = PasswordHasher(time_cost=1, memory_cost=1024).hash(seeding.PASSWORD)
    with transaction() as session:
        account = service.find(session, seeding.CLINICIAN)
        assert account is not None
        account.password_hash = weak
    visitor.sign_in()
    with transaction() as session:
        kept = service.find(session, seeding.CLINICIAN)
        assert kept is not None and kept.password_hash != weak
        assert passwords.matches(kept.password_hash, seeding.PASSWORD)


def test_accounts_from_the_command_line_and_no_password_among_the_arguments(home: Path) -> None:
    run = CliRunner()
    added = run.invoke(people, ["add", "nurse.k"], input="a calm blue lantern\n")
    assert added.exit_code == 0, added.output
    assert "calm blue" not in added.output
    assert run.invoke(people, ["add", "nurse.k"], input="a calm blue lantern\n").exit_code == 1
    assert "at least 12" in run.invoke(people, ["add", "nurse.l"], input="short\n").output
    changed = run.invoke(people, ["password", "nurse.k"], env={"SAMEVOICE_NEW_PASSWORD": "a calm red lantern"})
    assert changed.exit_code == 0
    assert '"username": "nurse.k"' in run.invoke(people, ["list", "--json"]).output
    assert run.invoke(people, ["disable", "nurse.k"]).exit_code == 0
    assert "disabled" in run.invoke(people, ["list"]).output
    assert run.invoke(people, ["disable", "nobody"]).exit_code == 1
    assert not any("password" in parameter.name for command in people.commands.values() for parameter in command.params)


def test_sign_ins_are_in_the_audit_chain_by_id(visitor: Visitor, clinician_id: str) -> None:
    visitor.sign_in(password="wrong wrong wrong")
    visitor.sign_in()
    with transaction() as session:
        lines = session.execute(select(AuditLine.action, AuditLine.subject)).all()
    assert ("account.sign_in_refused", clinician_id) in lines and ("account.sign_in", clinician_id) in lines


def test_the_secret_key_is_made_once_and_is_private(web: Flask, home: Path) -> None:
    from clinic.web.secret import secret_key

    path = home / "keys" / "flask.secret"
    assert path.stat().st_mode & 0o077 == 0
    assert web.config["SECRET_KEY"] == path.read_text() == secret_key(get_settings())
    assert path.stat().st_size == 64


def test_an_administrator_disables_others_but_not_themselves(
    another: Callable[[str], Visitor], clinician_id: str
) -> None:
    administrator, clinician = another(seeding.ADMINISTRATOR), another(seeding.CLINICIAN)
    with transaction() as session:
        own = session.scalars(select(Account.id).where(Account.username == seeding.ADMINISTRATOR)).one()
    assert administrator.post(f"/people/{own}/disable").status_code == 400
    assert administrator.post(f"/people/{clinician_id}/disable").status_code == 302
    assert clinician.get("/patients").status_code == 302
