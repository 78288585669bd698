"""RabbitMQ's management API, for what AMQP cannot say: versions, policies, and what is effective on a queue."""

import http.client
import json
from base64 import b64encode
from typing import Any, TypeVar
from urllib.parse import quote, unquote, urlsplit

from eventsink.amqp.address import Address, bracketed
from eventsink.amqp.topology import Binding
from eventsink.causes import why
from eventsink.errors import BrokerRefuses, BrokerUnavailable, SettingsError

__all__ = ["Management"]

LONGEST = 64 << 20  # bytes of an answer

T = TypeVar("T")


class Management:
    """Asks the management API of one node, with the credentials of AMQP unless its own URL has others.

    Args:
        address: of the broker.
        url: of the API; empty for port 15672 of the first node.
        setting: in which that stands, for messages.

    Raises:
        SettingsError: the URL cannot be one.
    """

    def __init__(self, address: Address, url: str = "", setting: str = "exchange.management") -> None:
        try:
            parts = urlsplit(url or f"http://{bracketed(address.nodes[0][0])}:15672")
            _ = parts.port
        except ValueError:  # a port that is no number; the words may quote a part of the password
            parts = urlsplit("")
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise SettingsError(f"{setting} is no address: give one as http://host:15672.")
        self._setting = setting
        self.where = f"{parts.scheme}://{bracketed(parts.hostname)}:{parts.port or 15672}{parts.path.rstrip('/')}"
        self._kind = http.client.HTTPSConnection if parts.scheme == "https" else http.client.HTTPConnection
        self._host, self._port, self._prefix = parts.hostname, parts.port or 15672, parts.path.rstrip("/")
        user = unquote(parts.username) if parts.username else address.user
        password = unquote(parts.password) if parts.password else address.password
        self._authorization = "Basic " + b64encode(f"{user}:{password}".encode()).decode()
        self._vhost = quote(address.vhost, safe="")

    def version(self) -> str:
        """RabbitMQ's version."""
        found = self._ask("GET", "/api/overview", kind=dict)
        if "rabbitmq_version" not in found:
            raise self._is_another()
        return str(found["rabbitmq_version"])

    def queue(self, name: str) -> dict[str, Any] | None:
        """What the API says of a queue; None where there is none."""
        return self._find(f"/api/queues/{self._vhost}/{quote(name, safe='')}")

    def bindings(self, queue: str) -> list[Binding]:
        """What goes to a queue, but for the one by its own name that every queue has; nothing where there is none.

        Raises:
            BrokerUnavailable: the API does not answer.
        """
        found = self._ask("GET", f"/api/queues/{self._vhost}/{quote(queue, safe='')}/bindings", kind=list)
        return [Binding(one["source"], queue, one["routing_key"]) for one in found if one["source"]]

    def queues(self) -> list[dict[str, Any]]:
        """What the API says of all queues of the virtual host."""
        return [dict(one) for one in self._ask("GET", f"/api/queues/{self._vhost}", kind=list)]

    def permissions(self, user: str) -> dict[str, str] | None:
        """What a user may configure, write and read, as regular expressions; None where we may not ask that.

        Administrators alone may.
        """
        try:
            found = self._ask("GET", f"/api/permissions/{self._vhost}/{quote(user, safe='')}", kind=dict)
        except BrokerRefuses:
            return None
        return {name: str(found.get(name, "")) for name in ("configure", "write", "read")}

    def policy(self, name: str) -> dict[str, Any] | None:
        """A policy; None where there is none of the name."""
        return self._find(f"/api/policies/{self._vhost}/{quote(name, safe='')}")

    def set_policy(self, name: str, policy: dict[str, Any]) -> None:
        """Make or change a policy."""
        self._ask("PUT", f"/api/policies/{self._vhost}/{quote(name, safe='')}", policy, kind=dict)

    def _find(self, path: str) -> dict[str, Any] | None:
        try:
            return self._ask("GET", path, kind=dict)
        except BrokerRefuses as error:
            if error.code == 404:
                return None
            raise

    def _ask(self, method: str, path: str, body: Any = None, *, kind: type[T]) -> T:
        connection = self._kind(self._host, self._port, timeout=10)
        headers = {"authorization": self._authorization, "content-type": "application/json"}
        try:
            connection.request(method, self._prefix + path, None if body is None else json.dumps(body), headers)
            answer = connection.getresponse()
            content = answer.read(LONGEST)
        except (OSError, http.client.HTTPException) as error:
            raise BrokerUnavailable(
                f"The management API does not answer at {self.where}: {why(error)}. Is the plugin on"
                f" (`rabbitmq-plugins enable rabbitmq_management`), and {self._setting} right?"
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
            found = json.loads(content) if content else kind()
        except (ValueError, RecursionError):
            raise self._is_another() from None
        if not isinstance(found, kind):
            raise self._is_another()
        return found

    def _is_another(self) -> BrokerUnavailable:
        return BrokerUnavailable(f"What answers at {self.where} is no management API of RabbitMQ: see {self._setting}.")
