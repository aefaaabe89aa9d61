"""Addresses that secrets may be sent to."""

from __future__ import annotations

import ipaddress

import httpx

from salesml.errors import ConfigError

__all__ = ["checked", "is_here"]


def checked(name: str, text: str) -> httpx.URL:
    """The address *text*; raises ConfigError unless it is https, or this machine."""
    try:
        url = httpx.URL(text)
    except httpx.InvalidURL:
        url = httpx.URL("")
    secure = url.scheme == "https" or (url.scheme == "http" and is_here(url))
    if secure and url.host and not url.userinfo:
        return url.copy_with(path=url.path if url.path.endswith("/") else f"{url.path}/")
    raise ConfigError(
        f"The address of connection '{name}' must begin with https://.",
        received=f"{url.scheme}://{url.host}",  # the rest may hold a password
        where=f"connection {name}",
        fix="Write https:// and the host, without user and password.",
    )


def is_here(url: httpx.URL) -> bool:
    """Whether *url* is on this machine."""
    if url.host == "localhost":
        return True
    try:
        return ipaddress.ip_address(url.host).is_loopback
    except ValueError:
        return False
