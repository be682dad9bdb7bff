"""What the documents for hospital IT say is so."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from clinic.settings import Settings

ROOT = Path(__file__).parents[2]
DOCUMENTS = ["SECURITY.md", "docs/threat-model.md", "docs/operations.md", "docs/vault-format.md", "docs/voice-file.md"]
OPERATIONS = (ROOT / "docs" / "operations.md").read_text(encoding="utf-8")


def test_every_setting_is_in_the_table_with_its_default() -> None:
    table = dict(re.findall(r"^\| `(SAMEVOICE_\w+)` \| (.*?) \|", OPERATIONS, re.M))
    for name, field in Settings.model_fields.items():
        default = field.default
        shown = "" if default in ("", None) else f"`{str(default).lower() if isinstance(default, bool) else default}`"
        assert table.pop(f"SAMEVOICE_{name.upper()}") == shown, name
    assert set(table) == {"SAMEVOICE_MODELS_DIR"}  # read by workers.models, which knows no settings


def test_every_error_of_the_vault_is_explained() -> None:
    source = "".join(path.read_text(encoding="utf-8") for path in (ROOT / "clinic" / "vault").glob("errors.py"))
    codes = set(re.findall(r'VaultError\(\s*"(\w+)"', source))
    assert len(codes) >= 7
    assert codes <= set(re.findall(r"^\| `(\w+)` \|", OPERATIONS, re.M))


@pytest.mark.parametrize("document", DOCUMENTS)
def test_what_a_document_points_at_is_there(document: str) -> None:
    text = (ROOT / document).read_text(encoding="utf-8")
    for target in re.findall(r"\]\(([^)#]+)\)", text):
        assert (ROOT / document).parent.joinpath(target).exists(), target
    for path in re.findall(r"\b(tests/[\w/]+(?:\.py|\.json)?)", text):
        assert (ROOT / path).exists(), path
