"""Addresses of pages are kept without what lets in or names a person."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from eventsink.browsers import pages


@pytest.mark.parametrize(
    ("address", "kept"),
    [
        ("https://u:hush@clowder.example.org/datasets/64c?key=hush#top", "https://clowder.example.org/datasets/64c"),
        ("http://x:8080/a?page=2&token=hush&utm_source=mail", "http://x:8080/a?page=2&utm_source=mail"),
        ("https://x/files/1?dataset=64c&space=64d&key=hush", "https://x/files/1?dataset=64c&space=64d"),
        ("https://x/#/datasets/1?key=hush", "https://x/#/datasets/1"),
        ("https://x/#!/a", "https://x/#!/a"),
        ("https://x/users/alice@example.org/files", "https://x/users/-/files"),
        ("https://x/users/alice%40example.org", "https://x/users/-"),
        ("https://x/reset/eyJhbGciOiJIUzI1NiJ9.eyJzdWIi.c2ln", "https://x/reset/-"),
        ("https://x/reset/" + "a1" * 21, "https://x/reset/-"),
        ("https://x/?page=alice@example.org", "https://x/"),
        ("https://x/?page=eyJ0.abc.def&utm_term=clw_12345678_abc", "https://x/"),
        ("https://x/reset/3f2504e0-4f89-41d3-9a0c-0305e82c3301", "https://x/reset/-"),
        ("https://x/signup/abc?page=2", "https://x/signup/-?page=2"),
        ("https://x/a;jsessionid=hush/b", "https://x/a/b"),
        ("https://x/password=hunter2", "https://x/-"),
        ("https://x/alice%2540example.org", "https://x/-"),
        ("https://x/t/" + "0a" * 20, "https://x/t/-"),
        ("https://x/t/ghp_16C7e42F292c6912E7", "https://x/t/-"),
        (
            "https://x/datasets/64c000000000000000000002/addFiles",
            "https://x/datasets/64c000000000000000000002/addFiles",
        ),
        ("https://[2001:db8::1]:8443/a", "https://[2001:db8::1]:8443/a"),
        ("https://x", "https://x/"),
        ("javascript:alert(1)", ""),
        ("file:///etc/passwd", ""),
        ("about:blank", ""),
        ("https://[broken/", ""),
        ("https://x:notaport/", ""),
        ("", ""),
    ],
)
def test_of_an_address_the_place_is_kept(address: str, kept: str) -> None:
    assert pages.clean(address) == kept


def test_an_address_of_any_length_is_cut() -> None:
    assert len(pages.clean("https://x/" + "a/" * 100_000)) == 2000


@settings(deadline=None)
@given(st.text(max_size=300))
def test_whatever_it_is_nothing_is_raised(text: str) -> None:
    for address in (text, f"https://{text}", f"https://x/{text}"):
        found = pages.clean(address)
        assert found == "" or found.startswith(("http://", "https://"))
        assert "@" not in found
        pages.origin(address)


@pytest.mark.parametrize(
    ("address", "origin"),
    [
        ("https://Clowder.Example.org:443/x?y", "https://clowder.example.org"),
        ("http://localhost:9000", "http://localhost:9000"),
        ("http://x:80/", "http://x"),
        ("null", ""),
        ("clowder.example.org", ""),
        ("https://ümlaut.de", "https://xn--mlaut-jva.de"),
        ("https://*.example.org", ""),
        ("https://a b", ""),
        ("http://evil.org\\@127.0.0.1:8916", ""),
    ],
)
def test_an_origin_is_what_browsers_call_a_site(address: str, origin: str) -> None:
    assert pages.origin(address) == origin
