"""docs/protocol.md and the code say the same."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from clinic.live import messages as m

DOCUMENT = (Path(__file__).parents[3] / "docs" / "protocol.md").read_text()


def rows(heading: str) -> dict[str, list[str]]:
    """The tables of a section: first cell, without its backquotes → the other cells."""
    section = DOCUMENT.split(f"\n## {heading}\n", 1)[1].split("\n## ", 1)[0]
    cells = [[c.strip() for c in line.strip("|").split("|")] for line in section.splitlines() if line.startswith("|")]
    return {
        row[0].strip("`"): row[1:] for row in cells if row[0] not in ("type", "state", "code") and "---" not in row[0]
    }


def example(cell: str) -> dict[str, object]:
    return dict(json.loads(cell.strip("`")))


def test_every_message_is_documented_and_every_documented_message_exists() -> None:
    assert set(rows("Messages from the tablet")) == set(m.CLIENT)
    documented = rows("Messages from the service")
    assert set(documented) == set(m.SERVER) | set(m.STATES)


@pytest.mark.parametrize("kind", m.CLIENT)
def test_the_examples_of_what_a_tablet_sends_are_understood(kind: str) -> None:
    text = rows("Messages from the tablet")[kind][1].strip("`").replace("…", "0123456789")
    assert json.loads(text)["type"] == kind
    assert type(m.parse(text)).__name__.lower() == kind.replace("_", "")


@pytest.mark.parametrize("kind", m.SERVER)
def test_the_examples_of_what_the_service_sends_are_in_its_own_words(kind: str) -> None:
    cells = rows("Messages from the service")[kind]
    shown = example(cells[1])
    assert shown.pop("type") == kind
    assert json.loads(m.message(kind, **shown)) == {"type": kind, **shown}
    assert all(f"`{field}`" in cells[0] or field == "event" for field in shown)


def test_close_codes_and_limits_are_documented() -> None:
    assert {int(code) for code in rows("Close codes")} == set(m.CLOSE_CODES)
    limits = DOCUMENT.split("## Limits", 1)[1]
    assert f"{m.TEXT_BYTES:,} bytes" in limits and f"4 + {m.FRAME_UP_BYTES:,} bytes" in limits
    assert f"{m.HARD_BYTES // 1024} KiB" in limits


def test_every_error_code_in_the_room_is_documented() -> None:
    room = Path(m.__file__).parent
    source = "\n".join(path.read_text() for path in room.glob("*.py"))
    codes = set(re.findall(r'(?:ProtocolError|PlainError|_end)\(\s*"([a-z_]+)"', source)) - {"unexpected"}
    assert len(codes) > 10
    assert {code for code in codes if f"`{code}`" not in DOCUMENT} == set()


def test_a_message_that_is_not_in_the_protocol_cannot_be_sent() -> None:
    with pytest.raises(ValueError, match="shout"):
        m.message("shout")
