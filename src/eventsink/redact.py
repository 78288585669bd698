"""Keys, tokens and passwords in texts, hidden before the texts are kept, logged, shown or sent on."""

import re

__all__ = ["hide_credentials", "hide_secrets"]

# What is repeated before something must follow is bounded: these read what strangers send, and without bounds some
# texts of 20 kB take seconds.
_NAMES = r"key|token|secret|password|passwd|pwd|authorization|signature"
_QUOTE = r"\\{0,4}[\"']"  # JSON within JSON has its quotes escaped
_SCHEME = r"(?:(?:basic|bearer|token|digest|negotiate|api-?key)\s{1,9})?"
_NAMED = re.compile(
    rf"(?is)((?:{_NAMES})(?:{_QUOTE})?\s{{0,9}}[=:]\s{{0,9}})"
    rf"(?:(?P<quote>{_QUOTE})(?:(?!(?P=quote)).)+|(?P<scheme>{_SCHEME})[^\s\"'&;}}]+)"
)
_OURS = re.compile(r"clw_[0-9a-f]{8}_[A-Za-z0-9_-]{20,}")
_PARAMETERS = re.compile(rf"(?i)([?&;][^\s=&;?\"']{{0,200}}(?:{_NAMES})=)[^\s&;\"']+")
# Up to the last @: people write passwords with @, / and ? as they are. A port is no password: `//host:80/a@b`.
_CREDENTIALS = re.compile(r"://(?:[^/?#\s:@\"<>]{0,200}:(?!\d+(?:[/?#\s]|$))[^\s\"<>]{0,500}|[^/?#\s\"<>]{0,500})@")


def hide_credentials(text: str) -> str:
    """The text without our keys, and every address in it without user, password and secret parameters."""
    return _OURS.sub("clw_…", _PARAMETERS.sub(r"\1…", _CREDENTIALS.sub("://…@", text)))


def hide_secrets(text: str) -> str:
    """A text that others wrote, without the values of keys, tokens and passwords, in addresses and elsewhere."""
    return hide_credentials(_NAMED.sub(r"\1\g<quote>\g<scheme>…", text))
