"""What the applications of these tests serve, and the snippet that is put into it."""

from pathlib import Path

__all__ = ["COOKIE", "FILE", "HTML", "PAGE", "PIECE", "SNIPPET"]

SNIPPET = (
    '<script defer src="/insights/t.1.js" integrity="sha384-abc" crossorigin="anonymous"'
    ' data-key="clw_1" data-me="/api/me"></script>'
)
PIECE = b"<p>row</p>\n" * 6000
PAGE = "<!doctype html><html><head><title>é</title>@</head><body>" + "<p>row</p>\n" * 1800 + "</body></html>"
HTML = PAGE.replace("@", "")
FILE = Path(__file__).with_name("page.html")
COOKIE = "session=1; Path=/"
