"""Where a service may send us for a result: to its own host, to public addresses, and elsewhere only if the profile allows it.

A service that is not what it seems could otherwise have this machine ask servers that only this machine reaches.
"""

import asyncio
import ipaddress
import socket
from dataclasses import dataclass
from urllib.parse import urlsplit

_Address = ipaddress.IPv4Address | ipaddress.IPv6Address


@dataclass(frozen=True, slots=True)
class ResultHosts:
    """The hosts that results are fetched from.

    `base_url` is the service's own address. Private, link-local and loopback addresses are allowed for its own host, for `hosts`, and for
    all if the service's own address is one of these.
    """

    base_url: str
    hosts: tuple[str, ...] = ()

    async def find_address(self, host: str, port: int) -> str:
        """Return an address of a host to connect to, "" if none of its addresses is allowed. Raises `OSError` if it has none.

        Connecting to this address and not to the name leaves no time in which the name could come to mean another.
        """
        found = await _resolve(host, port)
        if host in self.hosts or host == urlsplit(self.base_url).hostname:
            return found[0]
        public = [address for address in found if is_public(address)]
        if public:
            return public[0]
        return found[0] if await self._is_private() else ""

    async def _is_private(self) -> bool:
        """Return whether the service itself has no public address."""
        parts = urlsplit(self.base_url)
        try:
            own = await _resolve(parts.hostname or "", parts.port or 0)
        except OSError:
            return False
        return not any(map(is_public, own))


async def _resolve(host: str, port: int) -> list[str]:
    rows = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return [str(row[4][0]) for row in rows]


def is_public(address: str) -> bool:
    """Return whether an IP address is one of the internet's, also where IPv6 carries one of IPv4."""
    parsed: _Address = ipaddress.ip_address(address.partition("%")[0])
    if isinstance(parsed, ipaddress.IPv6Address):
        parsed = parsed.ipv4_mapped or parsed.sixtofour or (parsed.teredo[1] if parsed.teredo else parsed)
    return parsed.is_global and not parsed.is_multicast
