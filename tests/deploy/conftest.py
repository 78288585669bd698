"""What tests of deploy/ share."""

from pathlib import Path

import pytest

from tests.deploy.manifests import units_in


@pytest.fixture
def units(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of units and drop-ins, which systemd's tools look into first."""
    folder = tmp_path / "system"
    folder.mkdir()
    monkeypatch.setenv("SYSTEMD_UNIT_PATH", f"{folder}:/lib/systemd/system")
    return units_in(folder)
