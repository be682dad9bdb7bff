"""`samevoice up`: the service on this machine."""

from __future__ import annotations

import ipaddress
import logging
import os
import threading

import click
from werkzeug.serving import make_server

from clinic.settings import get_settings
from samevoice.cli import quiet_libraries
from workers import models


@click.command()
@click.option("--host", default=None, help="Address to listen on (default: SAMEVOICE_HOST or 127.0.0.1).")
@click.option("--port", type=int, default=None, help="Port to listen on (default: SAMEVOICE_PORT or 8600).")
@click.option("--demo-people", is_flag=True, help="Make people to sign in as, with fresh passwords at every start.")
def up(host: str | None, port: int | None, demo_people: bool) -> None:
    """Serve the web app and its workers in one process."""
    quiet_libraries()
    if host:
        os.environ["SAMEVOICE_HOST"] = host
    if port is not None:
        os.environ["SAMEVOICE_PORT"] = str(port)
    settings = get_settings()
    if _loopback(settings.host):
        # Browsers refuse Secure cookies over plain http; on the loopback address nobody else can read them.
        os.environ.setdefault("SAMEVOICE_SECURE_COOKIES", "false")
    elif demo_people:
        raise click.ClickException("Demo people are for this machine alone: leave --host out, or --demo-people.")
    get_settings.cache_clear()
    settings = get_settings()
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s %(message)s")
    for chatty in ("werkzeug", "celery", "kombu", "alembic"):
        logging.getLogger(chatty).setLevel(logging.WARNING)

    from clinic.app import create_app
    from samevoice import onebox
    from workers.tasks import recover, rooms

    for status in models.status():
        if status.state in ("missing", "damaged"):
            raise click.ClickException(status.problem)
    onebox.prepare()
    server = make_server(settings.host, settings.port, create_app(), threaded=True)
    with onebox.workers():
        recover.requeue()
        threading.Thread(target=rooms.preload, name="preload", daemon=True).start()
        click.echo(f"Same Voice is at http://{settings.host}:{server.server_port}/")
        if demo_people:
            from samevoice.people import demo_people as make

            for line in make():
                click.echo(line)
        click.echo("Ctrl-C ends it; nothing that was enrolled is lost.")
        try:
            server.serve_forever()
        except KeyboardInterrupt:
            click.echo("Stopping …", err=True)
        finally:
            server.server_close()


def _loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
