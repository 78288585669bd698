"""What a start says can be copied into a shell as it stands."""

import shlex
from pathlib import Path

import pytest

from eventsink.assemble import banner
from eventsink.keys import KeyFile
from eventsink.settings import Settings


def test_a_data_directory_with_a_blank_is_one_word(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    settings = Settings(data=str(tmp_path / "our data"))
    banner.show(settings, banner.Place("http://127.0.0.1:8750", "embedded", (), None), KeyFile(settings.keys_path))
    (line,) = [line for line in capfd.readouterr().out.splitlines() if "then see it with" in line]
    assert shlex.split(line.split("`")[1])[-3:] == ["events", "--data", settings.data]
