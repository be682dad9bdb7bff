"""Sign-in, sign-out, one's own password, and the list of accounts for administrators."""

from __future__ import annotations

import hashlib
from urllib.parse import urlsplit

from flask import Blueprint, flash, redirect, render_template, request, url_for
from flask_login import current_user, login_required
from sqlalchemy import select
from werkzeug.wrappers import Response

from clinic.accounts import passwords, service
from clinic.accounts.guard import role_required
from clinic.accounts.session import sign_in as begin_session
from clinic.accounts.session import sign_out as end_session
from clinic.accounts.tables import ADMINISTRATOR, TABLET, Account
from clinic.database import transaction
from clinic.errors import PlainError
from clinic.settings import get_settings
from clinic.web.limits import limiter

blueprint = Blueprint("accounts", __name__)

WRONG = "That username and password do not belong together. Check both, then try again."


def _login_limit() -> str:
    return get_settings().login_limit


def _same_username() -> str:
    """Counts tries on one account from everywhere. Hashed, since people type passwords into the wrong box."""
    return hashlib.sha256(request.form.get("username", "").strip().lower().encode()).hexdigest()[:32]


@blueprint.route("/sign-in", methods=["GET", "POST"])
@limiter.limit(_login_limit, methods=["POST"])
@limiter.limit(_login_limit, methods=["POST"], key_func=_same_username)
def sign_in() -> Response | str | tuple[str, int]:
    """The sign-in page. One message for every way to be wrong."""
    target = _safe_target(request.values.get("next", ""))
    if request.method == "GET":
        if current_user.is_authenticated:
            return redirect(target or _first_page(current_user.role))
        return render_template("accounts/sign_in.html", next=target, idle="idle" in request.args, wrong="")
    username = request.form.get("username", "")
    with transaction() as session:
        account = service.check_sign_in(session, username, request.form.get("password", ""))
    if account is None:
        page = render_template("accounts/sign_in.html", next=target, idle=False, wrong=WRONG)
        return page, 400
    begin_session(account)
    return redirect(target or _first_page(account.role))


@blueprint.post("/sign-out")
@login_required
def sign_out() -> Response:
    """End the session here and on the server."""
    with transaction() as session:
        service.end_sessions(session, session.get_one(Account, current_user.id), actor=current_user.id)
    end_session()
    return redirect(url_for("accounts.sign_in"))


@blueprint.route("/password", methods=["GET", "POST"])
@role_required("clinician", "administrator")
@limiter.limit(_login_limit, methods=["POST"])
def change_password() -> Response | str | tuple[str, int]:
    """One's own password; every other session ends."""
    if request.method == "GET":
        return render_template("accounts/password.html", wrong="", shortest=passwords.SHORTEST)
    try:
        account = _changed_password()
    except PlainError as error:
        page = render_template("accounts/password.html", wrong=error.message, shortest=passwords.SHORTEST)
        return page, error.status
    begin_session(account)
    flash("Your password is changed. Everywhere else you were signed in, you are signed out.", "good")
    return redirect(url_for("patients.start"))


def _changed_password() -> Account:
    """Check the three fields and change it. Raises PlainError."""
    new = request.form.get("new", "")
    if new != request.form.get("again", ""):
        raise PlainError("not_the_same", "The new password was not typed the same way twice. Type it again.")
    with transaction() as session:
        account = session.get_one(Account, current_user.id)
        if not passwords.matches(account.password_hash, request.form.get("current", "")):
            raise PlainError("wrong_password", "That is not your current password. Nothing was changed.")
        service.set_password(session, account, new, actor=current_user.id)
    return account


@blueprint.get("/people")
@role_required(ADMINISTRATOR)
def people() -> str:
    """Everyone who can sign in."""
    with transaction() as session:
        accounts = session.scalars(select(Account).order_by(Account.role, Account.username)).all()
    return render_template("accounts/people.html", accounts=accounts)


@blueprint.post("/people/<account_id>/disable")
@role_required(ADMINISTRATOR)
def disable(account_id: str) -> Response:
    """Close an account. Nobody closes their own, so that somebody is always left to open the door."""
    if account_id == current_user.id:
        raise PlainError("own_account", "You cannot disable the account that you are signed in with.")
    with transaction() as session:
        account = session.get(Account, account_id)
        if account is None:
            raise PlainError("no_account", "There is no such account.", 404)
        service.disable(session, account, actor=current_user.id)
    flash(f"{account.username} is disabled and signed out everywhere.", "good")
    return redirect(url_for("accounts.people"))


def _first_page(role: str) -> str:
    if role == TABLET:
        return url_for("live.tablet")
    return url_for("accounts.people" if role == ADMINISTRATOR else "patients.start")


def _safe_target(target: str) -> str:
    """Where to go after sign-in: only a path of this site. A browser reads a backslash as a slash."""
    address = urlsplit(target)
    unsafe = address.scheme or address.netloc or not target.startswith("/") or target.startswith("//")
    return "" if unsafe or "\\" in target or not target.isprintable() else target
