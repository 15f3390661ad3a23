"""Where a call comes from. What a header says is believed only from a proxy that the installation trusts (TRUSTED_PROXIES)."""

from __future__ import annotations

from collections.abc import Sequence
from ipaddress import ip_address, ip_network

from django.conf import settings
from django.http import HttpRequest
from rest_framework.request import Request


def caller(request: Request | HttpRequest) -> str:
    """The nearest address that is no proxy of ours; '' when there is none."""
    nearest_first = [request.META.get("REMOTE_ADDR") or ""]
    nearest_first += [hop.strip() for hop in reversed(request.headers.get("X-Forwarded-For", "").split(",")) if hop]
    for address in nearest_first:
        if not _among(address, settings.TRUSTED_PROXIES):
            return address
    return nearest_first[-1]


def _among(address: str, networks: Sequence[str]) -> bool:
    try:
        return any(ip_address(address) in ip_network(network) for network in networks)
    except ValueError:
        return False
