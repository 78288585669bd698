"""RabbitMQ's management API, for what AMQP cannot say: versions, policies, and what is effective on a queue."""

import http.client
import json
from base64 import b64encode
from typing import Any
from urllib.parse import quote, unquote, urlsplit

from eventsink.amqp.address import Address
from eventsink.amqp.topology import Binding
from eventsink.causes import why
from eventsink.errors import BrokerRefuses, BrokerUnavailable, SettingsError

__all__ = ["Management"]

LONGEST = 64 << 20  # bytes of an answer


class Management:
    """Asks the management API of one node, with the credentials of AMQP unless its own URL has others.

    Args:
        address: of the broker.
        url: of the API; empty for port 15672 of the first node.

    Raises:
        SettingsError: the URL cannot be one.
    """

    def __init__(self, address: Address, url: str = "") -> None:
        try:
            parts = urlsplit(url or f"http://{address.nodes[0][0]}:15672")
            _ = parts.port
        except ValueError:  # a port that is no number; the words may quote a part of the password
            parts = urlsplit("")
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise SettingsError("exchange.management is no address: give one as http://host:15672.")
        self.where = f"{parts.scheme}://{parts.hostname}:{parts.port or 15672}{parts.path.rstrip('/')}"
        self._kind = http.client.HTTPSConnection if parts.scheme == "https" else http.client.HTTPConnection
        self._host, self._port, self._prefix = parts.hostname, parts.port or 15672, parts.path.rstrip("/")
        user = unquote(parts.username or address.user)
        password = unquote(parts.password or address.password)
        self._authorization = "Basic " + b64encode(f"{user}:{password}".encode()).decode()
        self._vhost = quote(address.vhost, safe="")

    def version(self) -> str:
        """RabbitMQ's version."""
        return str(self._ask("GET", "/api/overview")["rabbitmq_version"])

    def queue(self, name: str) -> dict[str, Any] | None:
        """What the API says of a queue; None where there is none."""
        return self._find(f"/api/queues/{self._vhost}/{quote(name, safe='')}")

    def bindings(self, queue: str) -> list[Binding]:
        """What goes to a queue, but for the one by its own name that every queue has; nothing where there is none.

        Raises:
            BrokerUnavailable: the API does not answer.
        """
        found = self._ask("GET", f"/api/queues/{self._vhost}/{quote(queue, safe='')}/bindings")
        return [Binding(one["source"], queue, one["routing_key"]) for one in found if one["source"]]

    def queues(self) -> list[dict[str, Any]]:
        """What the API says of all queues of the virtual host."""
        return [dict(one) for one in self._ask("GET", f"/api/queues/{self._vhost}")]

    def permissions(self, user: str) -> dict[str, str] | None:
        """What a user may configure, write and read, as regular expressions; None where we may not ask that.

        Administrators alone may.
        """
        try:
            found = self._ask("GET", f"/api/permissions/{self._vhost}/{quote(user, safe='')}")
        except BrokerRefuses:
            return None
        return {name: str(found.get(name, "")) for name in ("configure", "write", "read")}

    def policy(self, name: str) -> dict[str, Any] | None:
        """A policy; None where there is none of the name."""
        return self._find(f"/api/policies/{self._vhost}/{quote(name, safe='')}")

    def set_policy(self, name: str, policy: dict[str, Any]) -> None:
        """Make or change a policy."""
        self._ask("PUT", f"/api/policies/{self._vhost}/{quote(name, safe='')}", policy)

    def _find(self, path: str) -> dict[str, Any] | None:
        try:
            return dict(self._ask("GET", path))
        except BrokerRefuses as error:
            if error.code == 404:
                return None
            raise

    def _ask(self, method: str, path: str, body: Any = None) -> Any:
        connection = self._kind(self._host, self._port, timeout=10)
        headers = {"authorization": self._authorization, "content-type": "application/json"}
        try:
            connection.request(method, self._prefix + path, None if body is None else json.dumps(body), headers)
            answer = connection.getresponse()
            content = answer.read(LONGEST)
        except (OSError, http.client.HTTPException) as error:
            raise BrokerUnavailable(
                f"The management API does not answer at {self.where}: {why(error)}. Is the plugin on"
                " (`rabbitmq-plugins enable rabbitmq_management`), and exchange.management right?"
            ) from error
        finally:
            connection.close()
        if answer.status == 401:
            raise BrokerRefuses(
                f"The management API at {self.where} refuses the user: it needs the tag `policymaker`"
                " (`rabbitmqctl set_user_tags USER policymaker`).",
                code=401,
            )
        if answer.status >= 300:
            text = content.decode("utf-8", "replace")[:300]
            raise BrokerRefuses(
                f"The management API at {self.where} answers {answer.status}: {text}", code=answer.status
            )
        try:
            return json.loads(content) if content else {}
        except (ValueError, RecursionError):
            raise BrokerUnavailable(
                f"What answers at {self.where} is no management API of RabbitMQ: see exchange.management."
            ) from None
