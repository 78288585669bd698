"""Texts of others made fit to be kept, logged, shown or sent on: without secrets, and without what commands a terminal.

In: a text, a setting, or a value of many. Out: the same with `…` where a secret was. `FORMS`, at the end, is the one
table of what is taken for a secret within a text. Where it is not clear, more is hidden rather than less.

Everything here takes a time that grows with the length of the text: strangers choose what it reads. So each search of a
pattern ends where another could begin, or it succeeds and takes all that it has looked at.
"""

import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any, NamedTuple

__all__ = ["FORMS", "Form", "hidden", "hide_in_address", "hide_secrets", "visible"]

Spans = Iterator[tuple[int, int]]

MARK = "…"

# The names of secrets: those that may be a part of a longer name, and short ones, which `design` or `compass` must not
# be taken for.
_LONG = "key|token|secret|password|passwd|passphrase|pwd|authorization|signature|credential|cookie"
_SHORT = "sig|pass|auth|jwt|pw|otp"
_NAME = rf"(?:(?i:{_LONG})|(?<![A-Za-z])(?i:{_SHORT})|(?<=[a-z])(?:Sig|Pass|Auth|Jwt))(?:s|\d{{1,3}})?"
# Of a setting, what is called so in part; and an address other than `url`, which of a webhook is a secret as a whole.
_PART_OF_NAME = re.compile(rf"{_NAME}(?![a-z])|(?i:{_LONG})|(?i:.url|^urls|webhook)")

# JSON within JSON has its quotes escaped, a page of HTML and an address have them in their own ways.
_QUOTE = r"(?:\\{0,8}[\"'`]|\\{1,8}u002[27]|&(?:quot|apos|\#0?3[49]|\#x2[27]);|%2[27])"
_ENDS_QUOTE = r"(?=[\s,;:.)\]}<>&]|$)"
# A value without quotes ends at a blank, at a quote that closes, and at `&` or `;` before another name.
_WORD = rf"(?:[^\s\"'`&;]|[\"'`](?!{_ENDS_QUOTE})|[&;](?![\w.%\[\]-]*+=))++"
_SCHEME = r"(?i:basic|bearer|token|digest|negotiate|ntlm|oauth|api-?key)\s++"
_OPENING = rf"[bBrRuUfF]{{0,2}}(?P<quote>{_QUOTE})"
_OPENS = re.compile(_OPENING)
_LABEL = re.compile(rf"{_NAME}(?:{_QUOTE}|\]|%5[dD])?\s*+(?:[=:]{{1,2}}>?|%3[aAdD])\s*+(?:[|>][-+]?\s++)?")
_VALUE = re.compile(
    rf"""(?xs)
    {_OPENING}(?:(?P=quote)(?!{_ENDS_QUOTE}))?  # SQL and CSV double the quotes within others
    (?P<secret_in_quotes>(?:(?P=quote){{2}}(?!{_ENDS_QUOTE})|(?!(?P=quote))(?:\\+.|[^\\]))++)
      (?:(?P=quote)(?!{_ENDS_QUOTE})(?P<secret_goes_on>{_WORD}))?  # the quotes were a part of it
    | [“„«\u2018](?P<secret_in_typographic_quotes>[^”“»\u2019]++)
    | (?P<secret_in_brackets>\[[^\]]*+|\{{[^}}]*+|\([^)]*+)
    | (?![\"'`]|{MARK}(?!\w)|[Ee]xpected[ ]`|see[ ]\w+\.\w)  # as our own sentences go on after the name of a setting
      (?:{_SCHEME})?(?P<secret_word>{_WORD})
    """
)

# What may be an address: no blanks, and quotes only where they neither open nor close.
_RUN = re.compile(rf"(?:[^\s\"'`]|(?<![\s,;:=(\[{{])[\"'`](?!{_ENDS_QUOTE}))++")
# What may well have an @ in its path: a host, perhaps a port, and a path are not taken for user and password.
_ON_THE_WEB = ("http", "https")
_FILES = ("file", "sqlite")
_HOST_AND_PATH = re.compile(r"[^/?#:@]++(?::\d*+)?[/?#]")
_PLACEHOLDER = "user:password"  # of the examples in our own sentences

_SCHEME_ALONE = re.compile(r"[A-Za-z][A-Za-z0-9+.-]{0,31}")
_HOST_AND_PORT = re.compile(r"(?:\[[^\[\]@]*\]|[^\[\]:@]*)(?::\d*)?")
_QUERY = re.compile(r"(?s)[?#].+")


class Form(NamedTuple):
    """A form in which secrets come.

    Args:
        what: it is.
        example: with `hush` in place of the secret.
        find: where in a text secrets of this form begin and end.
    """

    what: str
    example: str
    find: Callable[[str], Spans]


def hide_secrets(text: str) -> str:
    """A text without the keys, tokens and passwords in it.

    All forms are looked for in the text as it came, for what one hides may be what another is known by.
    """
    parts, done = [], 0
    for begin, end in _merged(span for form in FORMS for span in form.find(text)):
        parts += [text[done:begin], MARK]
        done = end
    return "".join([*parts, text[done:]])


def hide_in_address(value: str) -> str:
    """A setting that may be an address as a whole: without credentials, query and fragment.

    Nothing around it tells where a password ends, so all before the last @ is hidden, whatever stands there: people
    write passwords with @, /, ? and blanks as they are, and forget the scheme.
    """
    scheme, slashes, rest = value.partition("://")
    if slashes and _SCHEME_ALONE.fullmatch(scheme):
        is_file = scheme.lower() in _FILES and rest.startswith("/")
        return hide_secrets(value if is_file else f"{scheme}://{_place(rest)}")
    credentials = value.rpartition("@")[0]
    if (slashes and credentials) or re.match(r"[^\s:]+:", credentials):
        return hide_secrets(_place(value))
    return hide_secrets(value)


def hidden(value: Any, name: str = "", *, text: Callable[[str], str] = hide_secrets) -> Any:
    """A value of plain types, as they are in settings and logs, without secrets. What has no plain type becomes text.

    Args:
        value: that is to be shown.
        name: what it is called. What lies within a secret is secret, whatever it is called.
        text: hides what is secret in a text.
    """
    if _PART_OF_NAME.search(name):
        return _blotted(value)
    match value:
        case None | bool() | int() | float():
            return value
        case str():
            return text(value)
        case Mapping():
            return {_shown(key): hidden(item, str(key), text=text) for key, item in value.items()}
        case list() | tuple():
            return [hidden(item, name, text=text) for item in value]
    return text(repr(value))


def visible(text: str) -> str:
    """A text for the eyes of a person: on one line, with `�` for all that cannot be seen.

    That is what commands a terminal (C0, C1), turns the direction of writing or breaks lines, and what has no width:
    all that Unicode has in the categories C, Zl and Zp. Blanks of other widths become plain ones.
    """
    text = _EMPTY.sub("�", text)
    if text.isprintable():
        return text
    return "".join(letter if letter.isprintable() else " " if letter in _BLANKS else "�" for letter in text)


_EMPTY = re.compile("[\u115f\u1160\u2800\u3164\uffa0]")  # letters by their category, and nothing to see
_BLANKS = frozenset(
    "\t\u00a0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a\u202f\u205f\u3000"
)


# --- how they are found ----------------------------------------------------------------------------------------------


def _named(text: str) -> Spans:
    """Values that stand after the name of a secret."""
    quoted = covered = 0  # ends of the last values: no letter is looked at by two of a kind
    for label in _LABEL.finditer(text):
        begin = label.end()
        if begin < quoted or (begin < covered and not _OPENS.match(text, begin)):  # it ends where the other does
            continue
        if value := _VALUE.match(text, begin):
            covered = max(covered, value.end())
            quoted = value.end() if value["quote"] else quoted
            yield from _secrets(value)


def _credentials(text: str) -> Spans:
    """User and password of addresses, up to the last @: people write passwords with @, / and ? as they are."""
    for run in _RUN.finditer(text) if "@" in text or "%40" in text else ():
        word, start = run[0], run.start()
        end = word.rfind("@")
        begin = _begin(word[:end]) if end > 0 else None
        if begin is not None and word[begin:end] != _PLACEHOLDER:
            yield start + begin, start + end
        low = word.lower()
        slashes, end = low.find("%3a%2f%2f"), low.rfind("%40")  # an address that is a parameter of another
        if 0 <= slashes < end:
            yield start + slashes + 9, start + end


def _begin(left: str) -> int | None:
    """Where credentials begin in what stands before an @; None where there are none."""
    first = left.find("://")
    if first < 0:
        return 0 if left.find(":") > 0 else None
    if "@" in left[:first]:  # of several addresses, the first has no scheme
        return 0
    low = left.lower()
    for slashes in re.finditer("://", left):
        end = slashes.end()
        web = low.endswith(_ON_THE_WEB, 0, slashes.start()) and _HOST_AND_PATH.match(left, end)
        file = low.endswith(_FILES, 0, slashes.start()) and left.startswith("/", end)
        if not web and not file:
            return 0 if left.find(":", 1, first) > 0 else end  # a password may have :// in it
    return None


def _pattern(pattern: str) -> Callable[[str], Spans]:
    """Finds what is in the groups of a pattern that are called `secret…`. It is compiled when it is first needed."""
    return lambda text: (span for found in re.finditer(pattern, text) for span in _secrets(found))


def _secrets(found: re.Match[str]) -> Spans:
    return (
        found.span(group)
        for group, value in found.groupdict().items()
        if group.startswith("secret") and value  # an empty one is none
    )


def _merged(spans: Iterator[tuple[int, int]]) -> Spans:
    """Spans in order, those that overlap or touch as one."""
    begin = end = 0
    for start, stop in sorted(spans):
        if start > end:
            if end > begin:
                yield begin, end
            begin = start
        end = max(end, stop)
    if end > begin:
        yield begin, end


def _place(rest: str) -> str:
    """What may be shown of an address after its scheme. What is neither host nor port may be half of a password."""
    names = re.split("[/?#]", rest, maxsplit=1)[0]
    is_place = all(_HOST_AND_PORT.fullmatch(name) for name in names.split(","))
    credentials, at, host = rest.rpartition("@")
    if not at:
        return _QUERY.sub(_cut, rest) if is_place else MARK
    query = re.search("[?#].*", credentials, re.DOTALL)
    if query and (is_place or "@" in names or "=" in query[0]):  # the @ may be within a secret of the query
        return MARK
    return f"{MARK}@{_QUERY.sub(_cut, host)}"


def _cut(query: re.Match[str]) -> str:
    return query[0][0] + MARK


def _blotted(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {_shown(key): _blotted(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_blotted(item) for item in value]
    return MARK if value else value


def _shown(key: object) -> object:
    return hide_secrets(key) if isinstance(key, str) else key


# --- the table -------------------------------------------------------------------------------------------------------

_PART = r"[\w+/.~-]"
FORMS = (
    Form("after its name", 'api_key=hush, "password": "hush hush", https://x/?sig=hush, X-API-Key: hush', _named),
    Form("in an address", "amqp://user:hu/sh@hush@host, http://hush@host, user:hush@host", _credentials),
    Form("key of ours", "clw_0123abcd_hush", _pattern(r"(?i)clw_[0-9a-f]{8}_(?P<secret>[a-z0-9_-]+)")),
    Form(
        "header to the end of its line",
        'Cookie: a=hush; b=hush\nAuthorization: Digest username="u u", response="hush"',
        _pattern(
            r"(?i)(?:cookie\s*+:|authorization\s*+:\s*+(?:digest|hawk|oauth|signature|aws4-hmac-sha256)\s)"
            r"(?P<secret>[^\r\n]*+)"
        ),
    ),
    Form(
        "after its scheme",
        "Bearer hush0123",
        _pattern(
            rf"(?i)\b(?:basic|bearer)\s++(?P<secret>(?=[a-z+/.~_-]*+[\d=]){_PART}{{6,}}+=*"
            rf"|(?!authenti|authori){_PART}{{16,}}+)"
        ),
    ),
    Form(
        "element of XML",
        "<db:password type='x'>hush hush</db:password>",
        _pattern(rf"<[\w:.-]*?{_NAME}(?:\s[^<>]*+)?>(?P<secret>[^<>]*+)</"),
    ),
    Form(
        "in a pair",
        "(b'x-api-key', b'hush hush')",
        _pattern(
            rf"(?s)[(\[]\s*+b?[\"'][\w.-]*?{_NAME}[\"']\s*+,\s*+b?(?P<quote>[\"'])"
            r"(?P<secret>(?:\\.|(?!(?P=quote)).)*+)(?P=quote)\s*+[)\]]"
        ),
    ),
    Form(
        "value beside a name",  # as headers and variables are listed
        '{"name": "X-API-Key", "value": "hush hush"}',
        _pattern(
            rf"(?s)[\"'](?:name|key|header|field)[\"']\s*+:\s*+[\"'][\w.-]{{0,64}}?{_NAME}[\w.-]*+[\"']\s*+,\s*+[\"']"
            r"(?:value|content)[\"']\s*+:\s*+(?P<quote>[\"'])(?P<secret>(?:\\.|(?!(?P=quote)).)*+)"
        ),
    ),
    Form(
        "option in a list",
        "['curl', '--api-key', 'hush', 'x']",
        _pattern(
            rf"(?s)[\"']--?[\w-]{{0,64}}?{_NAME}[\"']\s*+,\s*+(?P<quote>[\"'])(?P<secret>(?:\\.|(?!(?P=quote)).)*+)(?P=quote)"
        ),
    ),
    Form(
        "option of a command",
        "curl --api-key hush",
        _pattern(rf"(?<![\w-])--[\w-]*?{_NAME}[ \t]++(?P<secret>(?!-|(?:and|or)[ ]){_WORD})"),
    ),
    Form("token of JSON", "eyJhbGciOiJIUzI1NiJ9.hush.hush", _pattern(r"(?<![\w-])(?P<secret>eyJ[\w-]{8,}+\.[\w.-]*+)")),
    Form(
        "private key",
        "-----BEGIN PRIVATE KEY-----\nhush\n-----END PRIVATE KEY-----",
        _pattern(r"(?s)-----BEGIN [A-Z ]*PRIVATE KEY-----(?P<secret>.*?)(?:-----END|\Z)"),
    ),
    Form(
        "token that its beginning tells",  # as GitHub, GitLab, Slack, Stripe, Google and InfluxDB 3 make them
        "ghp_hushhushhushhush",
        _pattern(
            r"(?<![A-Za-z0-9])(?:gh[pousr]_|github_pat_|gl[a-z]{2,5}-|xox[abeoprs]-|sk[-_]|[rw]k_live_|hf_|npm_|pypi-|dckr_pat_"
            r"|AIza|ya29\.|apiv3_|SG\.)(?P<secret>[\w-]{16,}+)"
        ),
    ),
    Form(
        "webhook",  # whose path lets in whoever has it
        "https://hooks.slack.com/services/T0/B0/hush",
        _pattern(
            r"(?i)(?:hooks\.slack\.com/\w+|discord(?:app)?\.com/api/webhooks|api\.telegram\.org/bot"
            r"|webhook\.office\.com/webhookb2)(?P<secret>[^\s\"'`<>?#]++)"
        ),
    ),
)
