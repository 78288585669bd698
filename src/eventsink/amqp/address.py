"""Where a broker is: an AMQP URL, which may name several nodes of a cluster."""

from urllib.parse import quote, unquote, urlsplit

import msgspec

from eventsink.errors import SettingsError

__all__ = ["Address", "bracketed"]

PORTS = {"amqp": 5672, "amqps": 5671}
_EXAMPLE = "amqp://user:password@host:5672/vhost, or with several nodes amqp://user:password@one,two,three/vhost"


class Address(msgspec.Struct, frozen=True, kw_only=True):
    """A broker, and who asks it.

    Args:
        nodes: host and port of each node; the first that answers is taken.
        tls: whether to speak TLS.
    """

    nodes: tuple[tuple[str, int], ...]
    user: str
    password: str
    vhost: str
    tls: bool = False

    @classmethod
    def parse(cls, url: str, setting: str = "") -> "Address":
        """Read `amqp://user:password@host:port/vhost`; hosts may be several with commas between them.

        Without a vhost it is "/", without credentials RabbitMQ's own guest.

        Args:
            url: of the broker.
            setting: in which it stands, for the message.

        Raises:
            SettingsError: it is no such URL; the message repeats nothing of it, for any part may be of a password.
        """
        scheme, _, rest = url.partition("://")
        place, slash, vhost = rest.partition("/")
        credentials, _, hosts = place.rpartition("@")
        user, _, password = credentials.partition(":")
        scheme = scheme.lower()
        if scheme not in PORTS or not hosts:
            raise SettingsError(f"{setting or 'This'} is no address of RabbitMQ: give {_EXAMPLE}.")
        return cls(
            nodes=tuple(_node(host, PORTS[scheme], setting) for host in hosts.split(",")),
            user=unquote(user) or "guest",
            password=unquote(password) if credentials else "guest",
            vhost=unquote(vhost.partition("?")[0]) if slash and vhost else "/",
            tls=scheme == "amqps",
        )

    def urls(self) -> list[str]:
        """A URL for each node, password included."""
        scheme = "amqps" if self.tls else "amqp"
        who = f"{quote(self.user, safe='')}:{quote(self.password, safe='')}"
        return [f"{scheme}://{who}@{bracketed(host)}:{port}/{quote(self.vhost, safe='')}" for host, port in self.nodes]

    def __str__(self) -> str:
        """Where it is, for a person: without credentials."""
        return ", ".join(f"{bracketed(host)}:{port}" for host, port in self.nodes)


def _node(text: str, port: int, setting: str) -> tuple[str, int]:
    try:
        parts = urlsplit(f"//{text.strip()}")
        if parts.hostname and not any(map(str.isspace, parts.hostname)):
            return parts.hostname, parts.port or port
    except ValueError:  # a port that is no number, brackets that do not close
        pass
    raise SettingsError(
        f"The address of RabbitMQ{f' in {setting}' if setting else ''} names a host or a port that cannot be one: give"
        f" {_EXAMPLE}."
        " In a password, write / as %2F, : as %3A and @ as %40."
    )


def bracketed(host: str) -> str:
    """A host as it stands before a port."""
    return f"[{host}]" if ":" in host else host
