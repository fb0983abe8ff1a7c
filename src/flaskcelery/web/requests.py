"""What logs, limits and audit events need to know about the current request."""

import ipaddress
import re
import uuid
from contextlib import suppress

from flask import g, has_request_context, request

WITH_PORT = re.compile(r"\[(.*)\](?::\d+)?|([\d.]+):\d+")  # some balancers write [v6]:port and v4:port
# Bits of an IPv6 address, whose owner chooses the others, and how many times a limit holds for them. Some owners have
# 65,536 networks of 64 bits.
IPV6_NETWORKS = {64: 1, 48: 4}


def client_ip() -> str:
    """Return the IP address of the client, or "" outside a request.

    A proxy that wrote no IP address into X-Forwarded-For is not believed: its own address counts then.
    """
    if not has_request_context():
        return ""
    peer = request.environ.get("werkzeug.proxy_fix.orig", {}).get("REMOTE_ADDR")
    return parse_ip(request.remote_addr or "") or parse_ip(peer or "")


def client_networks() -> dict[str, int]:
    """Return the client's IP address, or its networks for IPv6, and how many times a limit holds for each."""
    ip_address = client_ip()
    with suppress(ValueError):  # it is not IPv6
        networks = {bits: ipaddress.IPv6Network((ip_address, bits), strict=False) for bits in IPV6_NETWORKS}
        return {str(networks[bits]): times for bits, times in IPV6_NETWORKS.items()}
    return {ip_address: 1}


def parse_ip(text: str) -> str:
    """Return the one spelling of an IP address, without a port or a zone, or "" if it is none."""
    found = WITH_PORT.fullmatch(text)
    bare = (found[1] or found[2] or "") if found else text
    try:
        address = ipaddress.ip_address(bare.partition("%")[0])
    except ValueError:
        return ""
    return str(getattr(address, "ipv4_mapped", None) or address)


def user_agent() -> str:
    """Return what the client's browser calls itself, or "" outside a request."""
    return request.user_agent.string[:200] if has_request_context() else ""


def request_id() -> str:
    """Return the id that nginx gave the request, or else a new one; "" outside a request."""
    if not has_request_context():
        return ""
    if "request_id" not in g:
        given = request.headers.get("X-Request-ID", "")
        g.request_id = given if re.fullmatch(r"[0-9A-Za-z-]{1,64}", given) else uuid.uuid4().hex
    return str(g.request_id)
