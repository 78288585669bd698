"""Secrets as people choose them, and where they stand, for tests that look for them in what is given out."""

from hypothesis import strategies as st

CORE = "h7uSh9h7uSh9"  # what must not be seen of a secret: one part tells a reader that it leaks

# What means something to one who reads an address, a header, JSON or a terminal.
QUOTES = "\"'`"
BLANKS = " \t\u00a0"
_SIGNS = "/@?:#,&=;%+.~!$()*[]{}<>|^\\-_\u202e\u009bé9a"

NAMES = (
    "password", "passwd", "pwd", "pass", "token", "accessToken", "api_key", "X-API-Key", "secretKey", "client_secret",
    "sig", "X-Amz-Signature", "Authorization", "Cookie", "credentials", "passphrase", "jwt",
)  # fmt: skip

# {} stands for the secret.
ADDRESSES = (
    "amqp://u:{}@h:5672/v",
    "amqps://u:{}@one,two:5671/v",
    "amqp://u:{}@one,amqp://u:{}@two/v",
    "u:{}@one,amqp://u:{}@two",
    "u:{}@h",
    "u:{}@h:15672",
    "u@x:{}@h",
    "http://u:{}@h:15672/",
    "https://{}@h",
    "http://u@x:{}@h",
    "amqp:///u:{}@h",
    "mongodb+srv://u:{}@a,b/db?w=1",
    "http://h/?token={}",
    "http://h/p?a=1&sig={}&b=2",
    "http://u:{}@h/?token={}",
)
# In a text, `https://name/@x` is an address with a path, and a parameter ends before the next; a setting is hidden as a
# whole.
IN_TEXTS = tuple(address for address in ADDRESSES if address.count(":{}@") == address.count("{}"))


def passwords(*, but: str = "") -> st.SearchStrategy[str]:
    """Passwords with signs at either side of what is looked for, but for some."""
    around = st.text([sign for sign in _SIGNS + BLANKS + QUOTES if sign not in but], max_size=6)
    return st.builds(lambda before, after: f"{before}{CORE}{after}", around, around)
