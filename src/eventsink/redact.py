"""Keys, tokens and passwords in texts, hidden before the texts are kept, logged, shown or sent on."""

import re

__all__ = ["hide_credentials", "hide_secrets"]

# Every repetition is bounded: these read what strangers send, and without bounds some texts of 20 kB take seconds.
_NAMES = r"key|token|secret|password|passwd|pwd|authorization|signature"
_NAMED = re.compile(rf"(?i)((?:{_NAMES})[\"']?\s*[=:]\s*[\"']?(?:(?:basic|bearer|token)\s+)?)[^\s\"'&,;}}]+")
_PARAMETERS = re.compile(rf"(?i)([?&;][^\s=&;?\"']{{0,200}}(?:{_NAMES})=)[^\s&;\"']+")
# Up to the last @: people write passwords with @, / and ? as they are. A port is no password: `//host:80/a@b`.
_CREDENTIALS = re.compile(r"://(?:[^/?#\s:@\"'<>]{0,200}:(?!\d+(?:[/?#\s]|$))[^\s\"'<>]{0,500}|[^/?#\s\"'<>]{0,500})@")


def hide_credentials(text: str) -> str:
    """The text with every address in it as it may be shown: without user, password and secret parameters."""
    return _PARAMETERS.sub(r"\1…", _CREDENTIALS.sub("://…@", text))


def hide_secrets(text: str) -> str:
    """A text that others wrote, without the values of keys, tokens and passwords, in addresses and elsewhere."""
    return hide_credentials(_NAMED.sub(r"\1…", text))
