"""What can go wrong in this room, each named once."""

from __future__ import annotations


class UnknownTemplate(LookupError):
    """No template of that key for any of the wished channels."""


class InvalidTemplate(ValueError):
    """A template that a provider would refuse, or that would not tell how to refuse."""


class CallbackRefused(Exception):
    """A callback whose body is not what the provider sends."""


class NotSent(Exception):
    """The request surely did not reach the provider: no connection was made."""


class Lost(Exception):
    """The request may have been taken; what came back, if anything, does not say."""
