"""From addresses to channels: what is wrong is found at the start, and no address is ever shown."""

import builtins

import pytest
import structlog

from eventsink.errors import PluginError, SettingsError
from eventsink.settings import Alerts, Route
from eventsink.watch.alerts import addresses
from eventsink.watch.alerts.channels import open_channels
from eventsink.watch.alerts.console import Console
from eventsink.watch.alerts.text import Texts
from eventsink.watch.alerts.through_apprise import ThroughApprise
from eventsink.watch.alerts.webhook import Webhook
from tests.secrets import CORE
from tests.watch.alerts.telling import notice


def _open(*notify: str, **settings):
    return list(open_channels(Alerts(notify=list(notify), **settings)).values())


@pytest.mark.parametrize(
    ("address", "kind", "scheme"),
    [
        ("console://", Console, "console"),
        ("https://example.org/hook?x=1", Webhook, "https"),
        ("HTTP://u:p@example.org:8080", Webhook, "http"),
        ("json://example.org", ThroughApprise, "json"),
        ("mailto://user:pw@example.org", ThroughApprise, "mailto"),
        ("slack://T1JJ3T3L2/A1BRTD4JD/TIiajkdnlazkcOXrIdevi7FQ/#general", ThroughApprise, "slack"),
        ("https://hooks.slack.com/services/T1JJ3T3L2/A1BRTD4JD/TIiajkdnlazkcOXrIdevi7FQ", ThroughApprise, "https"),
        ("https://discord.com/api/webhooks/000000000000000001/AbCdEfGhIjKlMnOpQrStUvWx", ThroughApprise, "https"),
    ],
)
def test_an_address_is_a_channel_of_its_kind(address, kind, scheme):
    (channel,) = _open(address)
    assert type(channel) is kind
    assert channel.label.partition("-")[0] == scheme
    assert repr(channel) == f"<{channel.label}>"


def test_labels_are_the_same_at_every_start_and_differ():
    first, second = _open("json://one.example.org", "json://two.example.org")
    again, *_ = _open("json://one.example.org")
    assert first.label == again.label != second.label
    assert len(_open("console://", "console://", routes={"a": Route(notify=["console://"])})) == 1


def test_two_of_one_label_get_longer_ones():
    many = [f"json://{number}.example.org" for number in range(600)]  # among so many, some have the same four digits
    found = addresses.labels(many)
    assert len(set(found.values())) == len(many)
    assert {len(label) for label in found.values()} == {len("json-") + 4, len("json-") + 8}


@pytest.mark.parametrize(
    ("address", "sentence"),
    [
        (f"slak://{CORE}/x", "alerts.notify[1] has the scheme slak://, which is not known. Did you mean slack://?"),
        (f"xyzzyx://{CORE}", "which is not known. The schemes are listed at https://"),
        (f"user:{CORE}@example.org", "alerts.notify[1] has no scheme: give mailto://"),
        (CORE, "alerts.notify[1] has no scheme"),
        (f"slack://{CORE}", "alerts.notify[1]: this is no complete slack:// address, as slack://{token"),
        (f"json://u:{CORE}@/", "alerts.notify[1]: this is no complete json:// address"),
        (f"https://u:{CORE}@", "alerts.notify[1] is no https:// address of a webhook"),
        (f"https://{CORE}.example.org:99999/", "alerts.notify[1] is no https:// address of a webhook"),
        (f"console://{CORE}", "alerts.notify[1] must be console:// alone"),
        ("", "alerts.notify[1] has no scheme"),
    ],
)
def test_what_is_wrong_is_named_by_its_place_and_scheme_alone(address, sentence, caplog, capfd):
    caplog.set_level(1)
    with pytest.raises(SettingsError) as caught:
        _open("console://", address)
    assert sentence in str(caught.value)
    assert (
        CORE.lower() not in (str(caught.value) + repr(caught.value) + caplog.text + "".join(capfd.readouterr())).lower()
    )


def test_addresses_of_routes_are_named_too():
    with pytest.raises(SettingsError, match=r"alerts\.routes\.night\.notify\[0\] has no scheme"):
        _open(routes={"night": Route(notify=["oops"])})


def test_without_apprise_it_is_said_what_to_install(monkeypatch):
    real = builtins.__import__

    def refuse(name, *args, **more):
        if name.partition(".")[0] == "apprise":
            raise ModuleNotFoundError("No module named 'apprise'", name="apprise")
        return real(name, *args, **more)

    monkeypatch.setattr(builtins, "__import__", refuse)
    with pytest.raises(PluginError, match=r"pip install 'clowder-eventsink\[alerts\]'"):
        _open("mailto://user:pw@example.org")
    assert isinstance(_open("https://example.org/hook")[0], Webhook)


async def test_the_console_has_a_line_for_each_notice():
    (channel,) = _open("console://")
    notices = [(notice(1, regions=["urbana"]), True), (notice(2, "resolved"), False)]
    with structlog.testing.capture_logs() as said:
        await channel.send(Texts(Alerts()).message(notices))
    assert [(line["log_level"], line["alert"], line["state"]) for line in said] == [
        ("warning", "check/site-1", "down"),
        ("info", "check/site-2", "well again"),
    ]
    assert said[0]["again"] is True and said[0]["regions"] == ["urbana"] and "again" not in said[1]
