"""A learning that is killed, at whatever moment: what was in use stays in use and opens, and the next start ends it."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import suppress

import pytest

from clinic.database import new_id, transaction
from clinic.learning import tables as t
from clinic.learning.serving import put_into_use, serving
from clinic.learning.tables import Adapter
from clinic.vault import get_vault

KILLS = 20

#: The task itself, over database and vault, with a training that only takes its time and keeps checkpoints.
WORKER = """
import os, sys, time
from types import SimpleNamespace
from workers.tasks import learning, rooms

class Slow:
    at = 0
    def __init__(self, *_):
        pass
    def restore(self, checkpoint):
        self.at = int(checkpoint[:2])
    def run(self, progress, cancelled, keep_checkpoint):
        print("begun", os.getpid(), flush=True)
        for self.at in range(self.at + 1, 13):
            progress(self.at / 12, "Learning.")
            keep_checkpoint(b"%02d" % self.at + bytes(100_000))
            time.sleep(0.01)
        return SimpleNamespace(
            adapter=SimpleNamespace(base="b" * 64, to_bytes=lambda: b"newer"), measures={}, better=True,
            calibration=SimpleNamespace(to_json=dict),
        )

rooms.learning = Slow
for line in sys.stdin:  # a process for each, without importing everything anew
    if os.fork() == 0:
        learning.adapt(line.strip())
        os._exit(0)
    os.wait()
    print("ended", flush=True)
"""


class Workers:
    """Starts a process for a task, and kills it."""

    def __init__(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-c", WORKER], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1
        )

    def start(self, adapter_id: str) -> int:
        """Its process, once the training has begun."""
        assert self._process.stdin is not None
        self._process.stdin.write(adapter_id + "\n")
        begun, process = self._line().split()
        assert begun == "begun"
        return int(process)

    def wait(self) -> None:
        """Until it ended, or is dead."""
        assert self._line() == "ended"

    def close(self) -> None:
        self._process.kill()
        self._process.wait()

    def _line(self) -> str:
        assert self._process.stdout is not None
        return self._process.stdout.readline().strip()


@pytest.fixture
def workers(home: object) -> Iterator[Workers]:
    made = Workers()
    yield made
    made.close()


def version(patient_id: str, number: int) -> str:
    with transaction() as session:
        row = Adapter(id=new_id(), patient_id=patient_id, version=number)
        session.add(row)
        return row.id


def test_a_killed_learning_leaves_the_last_good_version_in_use(patient_id: str, workers: Workers) -> None:
    vault = get_vault()
    with transaction() as session:
        good = Adapter(id=new_id(), patient_id=patient_id, version=1, state=t.READY)
        good.blob_id = vault.put_blob(patient_id, b"newer")
        session.add(good)
        put_into_use(session, patient_id, good)
    number, last_good = 2, good.id
    row_id = version(patient_id, number)
    killed = 0
    moments = random.Random(7)
    while killed < KILLS:
        process = workers.start(row_id)
        time.sleep(moments.uniform(0.0, 0.25))
        with suppress(ProcessLookupError):  # it was quicker
            os.kill(process, signal.SIGKILL)
        workers.wait()
        killed += 1
        with transaction() as session:
            row, used = session.get_one(Adapter, row_id), serving(session, patient_id)
            assert used is not None and used.blob_id is not None
            assert vault.get_blob(patient_id, used.blob_id) == b"newer"
            if row.checkpoint_blob_id is not None:
                assert len(vault.get_blob(patient_id, row.checkpoint_blob_id)) == 100_002
            if row.state == t.READY:
                assert used.id == row_id
                last_good, number = row_id, number + 1
                row_id = ""
            else:
                assert row.state == t.BUILDING and used.id == last_good
        row_id = row_id or version(patient_id, number)
    workers.start(row_id)
    workers.wait()
    with transaction() as session:
        used = serving(session, patient_id)
        assert used is not None and used.id == row_id and used.checkpoint_blob_id is None
