"""What RabbitMQ and pika say when something fails, as sentences for the person who has to act."""

import socket
from collections.abc import Iterator

from pika import exceptions as pika
from pika.adapters.utils import connection_workflow as workflow

from eventsink.amqp.address import Address
from eventsink.causes import why
from eventsink.errors import BrokerRefuses, BrokerUnavailable

__all__ = ["explain"]


def explain(error: BaseException | None, address: Address) -> BrokerUnavailable:
    """Our error for one of pika: `BrokerRefuses` when a person must act, else `BrokerUnavailable`."""
    for cause in _causes(error):
        if isinstance(cause, BrokerUnavailable):
            return cause
        found = _hang_up(cause, address) or _refusal(cause, address) or _failure(cause, address)
        if found is not None:
            return found
    return BrokerUnavailable(f"The connection to RabbitMQ at {address} was lost.")


def _hang_up(cause: BaseException, address: Address) -> BrokerUnavailable | None:
    """What pika takes for a refusal by how far it had come: RabbitMQ says why it refuses, it hangs up when it dies."""
    guesses = pika.IncompatibleProtocolError, pika.ProbableAuthenticationError, pika.ProbableAccessDeniedError
    if not isinstance(cause, guesses) or "StreamLostError" not in str(cause):
        return None
    return BrokerUnavailable(
        f"What answers at {address} hung up before the connection was made: is it RabbitMQ, and has it started?"
    )


def _refusal(cause: BaseException, address: Address) -> BrokerUnavailable | None:
    """What the broker itself said."""
    match cause:
        case pika.ProbableAuthenticationError() | pika.AuthenticationError():
            return BrokerRefuses(
                f"RabbitMQ at {address} refuses user {address.user!r} or the password: see exchange.url.", code=403
            )
        case pika.ProbableAccessDeniedError():
            return _no_access(address)
        case pika.ConnectionClosedByClient() | pika.ChannelClosedByClient():
            return BrokerUnavailable(f"The connection to RabbitMQ at {address} was closed here.")
        case pika.ConnectionClosed() | pika.ChannelClosed():
            return _closed(cause.reply_code, cause.reply_text, address)
        case pika.IncompatibleProtocolError():
            return BrokerRefuses(f"What answers at {address} does not speak AMQP 0-9-1: see exchange.url.", code=0)
    return None


def _failure(cause: BaseException, address: Address) -> BrokerUnavailable | None:
    """Why no answer came."""
    match cause:
        case socket.gaierror():
            return BrokerUnavailable(f"RabbitMQ at {address} cannot be reached: {why(cause)}.")
        case TimeoutError() | workflow.AMQPConnectorStackTimeout() | pika.ConnectionOpenAborted():
            return BrokerUnavailable(f"RabbitMQ at {address} does not answer in time.")
        case OSError():
            return BrokerUnavailable(f"RabbitMQ at {address} cannot be reached: {why(cause)}.")
    return None


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    """An error and what pika has wrapped into it."""
    if error is None:
        return
    yield error
    for inner in getattr(error, "exceptions", ()) or ():
        yield from _causes(inner)
    yield from _causes(getattr(error, "exception", None))
    for argument in error.args:
        if isinstance(argument, BaseException):
            yield from _causes(argument)


def _no_access(address: Address) -> BrokerRefuses:
    return BrokerRefuses(
        f"User {address.user!r} may not use the virtual host {address.vhost!r} of RabbitMQ at {address}, or there is"
        f" none of that name: `rabbitmqctl add_vhost {address.vhost}` makes it,"
        f" `rabbitmqctl set_permissions -p {address.vhost} {address.user} '.*' '.*' '.*'` gives access.",
        code=530,
    )


def _closed(code: int, text: str, address: Address) -> BrokerUnavailable:
    """An answer of the broker itself. Codes: AMQP 0-9-1, section 1.2."""
    if code == 530 and ("vhost" in text or "access" in text):
        return _no_access(address)
    if code in (200, 320) or (code >= 500 and code not in (530, 540)):
        return BrokerUnavailable(f"RabbitMQ at {address} closed the connection: {text}.")
    if code == 403:
        return BrokerRefuses(f"User {address.user!r} may not do this on RabbitMQ: {text}.", code=code)
    return BrokerRefuses(f"RabbitMQ at {address} says: {text}.", code=code)
