"""AsyncAPI's own JSON Schema, and which message of a document something is."""

import os
import shutil
import subprocess
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import jsonschema_rs
import msgspec
import pytest

from tests import processes

__all__ = ["Document", "published_schema"]

SCRIPT = Path(__file__).parents[1] / "scripts" / "asyncapi-schema"


@cache
def published_schema() -> Any:
    """The schema of AsyncAPI 3.1, fetched where it is not there yet. Without npm, or a registry, a test skips.

    Debian's npm brings some 350 packages: it is used where it is there, and not asked of every machine.
    """
    folder = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "eventsink" / "asyncapi"
    done = processes.run([SCRIPT, folder], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    if done.returncode:
        message = f"The schema of AsyncAPI cannot be had: {done.stderr.strip()}"
        if os.environ.get("CI") == "true" and shutil.which("npm"):
            pytest.fail(message)
        pytest.skip(message)
    return msgspec.json.decode((folder / "3.1.0.json").read_bytes())


class Document:
    """A document, by which payloads, headers and properties are judged.

    Args:
        described: the document.
    """

    def __init__(self, described: dict[str, Any]) -> None:
        self.described = described
        self.messages: dict[str, Any] = described["components"]["messages"]
        self._judges = {name: self._judge(message["payload"]) for name, message in self.messages.items()}
        self._headers = self._judge({"$ref": "#/components/schemas/Headers"})

    def found(self, reference: str) -> Any:
        """What a reference within the document leads to."""
        assert reference.startswith("#/"), reference
        value: Any = self.described
        for part in reference[2:].split("/"):
            value = value[unquote(part).replace("~1", "/").replace("~0", "~")]
        return value

    def which(self, payload: Any, content_type: str) -> list[str]:
        """The names of the messages that this may be."""
        return [
            name
            for name, message in self.messages.items()
            if message["contentType"] == content_type and self._judges[name].is_valid(payload)
        ]

    def check_properties(self, name: str, properties: dict[str, Any]) -> None:
        """See whether a message has the headers and properties of AMQP that are described."""
        headers = properties.pop("headers", {})
        self._headers.validate({key: int(value) if isinstance(value, int) else value for key, value in headers.items()})
        binding = self.found(self.messages[name]["bindings"]["$ref"])["amqp"]
        jsonschema_rs.validate(binding["x-properties"], properties)

    def _judge(self, schema: Any) -> Any:
        whole = {"components": self.described["components"], "allOf": [schema]}
        return jsonschema_rs.Draft7Validator(whole, validate_formats=True)
