"""The Celery app of the working side. Importing it loads no model and touches no CUDA."""

from __future__ import annotations

from celery import Celery

from clinic.queue import configure

app = configure(Celery("samevoice", set_as_current=True))
app.conf.imports = ("workers.tasks.voices", "workers.tasks.live", "workers.tasks.notes")
