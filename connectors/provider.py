"""What a provider is: one file in connectors/providers/ that turns messages into one call and answers into outcomes.

Everything else is done by the framework, never by a provider: who may be written to, when, how many at once, what a lost answer
means, what is charged.
"""

from __future__ import annotations

import importlib
import pkgutil
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from enum import StrEnum
from typing import Any, ClassVar
from uuid import UUID

from config.ground.registry import Registry


class Outcome(StrEnum):
    """What an answer says of one message; dispatch.py says what then happens."""

    ACCEPTED = "accepted"  # documented acceptance
    RETRY = "retry"  # surely not taken
    THROTTLED = "throttled"  # surely not taken, and the account is too fast
    UNKNOWN = "unknown"  # may have been taken
    INVALID = "invalid"  # the address is none
    OPTED_OUT = "opted_out"
    NO_GRANT = "no_grant"
    FREQ_CAP = "freq_cap"
    CONTENT = "content"  # what this message says is refused
    TEMPLATE = "template"  # the template or its signature is refused, whoever it goes to
    CONFIG = "config"  # money, keys, rights: nothing of this account can go
    QUIET = "quiet"


@dataclass(frozen=True)
class Caps:
    channel: str
    id_kind: str  # the identity kind that is the address
    max_batch: int
    max_param_len: int
    can_ask: bool


@dataclass(frozen=True)
class Account:
    """What a call needs of an account. Secrets are not in its repr."""

    key: str
    base_url: str
    timeout: float
    secrets: Mapping[str, str] = field(repr=False)


@dataclass(frozen=True)
class Content:
    sign: str
    code: str  # the template's code at the provider


@dataclass(frozen=True)
class Recipient:
    key: UUID  # the message
    address: str = field(repr=False)
    params: Mapping[str, str] = field(repr=False)


@dataclass(frozen=True)
class Result:
    key: UUID
    outcome: Outcome
    code: str = ""
    provider_id: str = ""
    retry_after: float = 0  # seconds


@dataclass(frozen=True)
class Question:
    """Has a call with this key carried this address?"""

    key: UUID
    address: str = field(repr=False)
    submission: str
    day: date  # of the call, in the provider's calendar


@dataclass(frozen=True)
class Heard:
    """One thing that a callback says. `address` is in the clear and stays in memory."""

    dedupe: str
    kind: str  # a Receipt.Kind
    address: str = field(repr=False)
    at: datetime
    code: str = ""
    provider_id: str = ""
    submission: str = ""  # our key, when the provider gives it back
    text: str = field(default="", repr=False)
    dead: bool = False  # the address will never take anything
    refused: bool = False  # the address is on an opt-out list


class Provider(ABC):
    name: ClassVar[str]
    caps: ClassVar[Caps]
    codes: ClassVar[Mapping[str, Outcome]]  # the longest dotted prefix decides

    @abstractmethod
    def wire_address(self, address: str) -> str | None:
        """The address as the provider wants it; None when it cannot be one."""

    @abstractmethod
    def units(self, sign: str, text: str) -> int:
        """What is charged for."""

    @abstractmethod
    def send(self, account: Account, content: Content, to: Sequence[Recipient], *, key: str) -> list[Result]: ...

    @abstractmethod
    def ask(self, account: Account, question: Question) -> str | None:
        """The provider's id of what it took (may be empty); None: it knows nothing of it. Raises NotSent, Lost: no answer."""

    @abstractmethod
    def calendar_day(self, at: datetime) -> date:
        """The provider's day at an instant."""

    @abstractmethod
    def callback(self, body: bytes) -> tuple[list[Heard], dict[str, Any]]:
        """What is heard, and what is answered. Raises CallbackRefused."""

    def outcome(self, code: str) -> Outcome:
        """A code that is not documented proves nothing: unknown."""
        while code:
            if code in self.codes:
                return self.codes[code]
            code = code.rpartition(".")[0]
        return Outcome.UNKNOWN


PROVIDERS: Registry[Provider] = Registry("provider")


def discover() -> None:
    """Import every file of connectors/providers; each registers itself."""
    package = importlib.import_module("connectors.providers")
    for found in pkgutil.iter_modules(package.__path__):
        importlib.import_module(f"connectors.providers.{found.name}")
