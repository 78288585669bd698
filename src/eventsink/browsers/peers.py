"""Who a request came from, when proxies stand in between; and the network of an address, which is what is counted."""

from collections.abc import Iterable
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network

from eventsink.errors import SettingsError

__all__ = ["Proxies", "household"]

MOST = 20  # addresses that are looked at


class Proxies:
    """The proxies that are believed when they say whom they speak for.

    Args:
        networks: as 127.0.0.0/8 or 10.1.2.3.

    Raises:
        SettingsError: one is no network.
    """

    def __init__(self, networks: Iterable[str]) -> None:
        self._networks = [_network(index, text) for index, text in enumerate(networks)]

    def client(self, peer: str, forwarded_for: str) -> str:
        """The address of the client: the last one in X-Forwarded-For that is none of ours; empty if it is none.

        What stands before that anybody may have written.
        """
        found = peer
        for text in [peer, *reversed(forwarded_for.split(",")[-MOST:])]:
            address = _address(text)
            if address is None:
                break
            found = str(address)
            if not self.trusts(found):
                break
        address = _address(found)
        return "" if address is None else str(address)

    def trusts(self, address: str) -> bool:
        """Whether an address is one of the proxies."""
        known = _address(address)
        return known is not None and any(known in network for network in self._networks)


def _network(index: int, text: str) -> IPv4Network | IPv6Network:
    try:
        return ip_network(text, strict=False)
    except ValueError:  # its words repeat the value
        raise SettingsError(f"browser.proxies[{index}] must be a network, as 10.0.0.0/8.") from None


def household(address: str) -> str:
    """What stands for one connection to the internet: an IPv4 address, or the /64 that an IPv6 one is of."""
    known = _address(address)
    return str(IPv6Network((int(known), 128)).supernet(new_prefix=64)) if isinstance(known, IPv6Address) else address


def _address(text: str) -> IPv4Address | IPv6Address | None:
    text = text.strip()
    if text.count(":") == 1:  # a port after an IPv4 address, as some proxies write it
        text = text.partition(":")[0]
    text = text.removeprefix("[").partition("]")[0].partition("%")[0]
    try:
        address = ip_address(text)
    except ValueError:
        return None
    mapped = address.ipv4_mapped if isinstance(address, IPv6Address) else None
    return mapped or address
