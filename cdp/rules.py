"""What a kind of identity is worth when a source says it: the brand's rule for that source, else its rule for every source,
else what `cdp/kinds.py` says. Read once per batch; every change leaves an audit row.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db import transaction

from cdp import kinds
from cdp.models import IdentityRule, Source
from config.ground import audit


@dataclass(frozen=True)
class Terms:
    weak: bool  # names a thing that people share: makes no member, joins nobody
    trusted: bool  # joins two members, together with another trusted kind
    single: bool  # the source gives a person one value of it
    cap: int | None  # members that may name themselves with one value


class Rules:
    """For the batch of one source; what other sources' identities are worth is needed too, to see what contradicts."""

    def __init__(self, source: Source | None) -> None:
        self.source = source.pk if source else None
        self.untrusted = source is not None and source.trust == Source.Trust.UNTRUSTED
        self._trusted = source is not None and source.trust == Source.Trust.TRUSTED
        self._rules = {(rule.source_id, rule.kind): rule for rule in IdentityRule.objects.all()}
        self._ever_weak = {kind.name for kind in kinds.KINDS if kind.weak}
        self._ever_weak |= {kind for (_source, kind), rule in self._rules.items() if rule.strength == "weak"}
        self._terms: dict[tuple[str, int | None], Terms] = {}

    def of(self, kind: str) -> Terms:
        """As our own source says it."""
        return self._of(kind, self.source)

    def single(self, kind: str, source: int | None) -> bool:
        return self._of(kind, source).single

    def ever_weak(self, kind: str) -> bool:
        """Whether any source says it weakly: only then may an event wait for it."""
        return kind in self._ever_weak

    def _of(self, kind: str, source: int | None) -> Terms:
        if (kind, source) not in self._terms:
            self._terms[kind, source] = self._read(kind, source)
        return self._terms[kind, source]

    def _read(self, kind: str, source: int | None) -> Terms:
        usual = kinds.BY_NAME[kind]
        trusted = self._trusted and source == self.source
        rule = self._rules.get((source, kind)) or self._rules.get((None, kind))
        if rule is None:
            return Terms(usual.weak, trusted and not usual.weak, usual.single, usual.cap)
        weak = rule.strength == IdentityRule.Strength.WEAK
        return Terms(weak, not weak and (trusted if rule.trusted is None else rule.trusted), rule.single, rule.cap)


def usual(kind: str) -> dict[str, Any]:
    """What a rule says that changes nothing yet."""
    known = kinds.BY_NAME[kind]
    strength = IdentityRule.Strength.WEAK if known.weak else IdentityRule.Strength.STRONG
    return {"kind": kind, "strength": strength, "trusted": None, "single": known.single, "cap": known.cap}


@transaction.atomic
def save(rule: IdentityRule, *, actor: str, now: datetime) -> None:
    before = _said(IdentityRule.objects.filter(pk=rule.pk).select_for_update().first())
    rule.save()
    audit.note(actor, "identity_rule.saved", _subject(rule), now=now, before=before, after=_said(rule))


@transaction.atomic
def remove(rule: IdentityRule, *, actor: str, now: datetime) -> None:
    audit.note(actor, "identity_rule.removed", _subject(rule), now=now, before=_said(rule))
    rule.delete()


@transaction.atomic
def mark_third_party(source: Source, yes: bool, *, actor: str, now: datetime) -> None:
    """From now on it tells only of members who granted it, or of everybody again. What it told before stays."""
    if Source.objects.filter(pk=source.pk).exclude(third_party=yes).update(third_party=yes):
        audit.note(actor, "source.third_party", f"source:{source.code}", now=now, third_party=yes)


@transaction.atomic
def trust(source: Source, trust: str, *, actor: str, now: datetime) -> None:
    before = Source.objects.select_for_update().get(pk=source.pk).trust
    Source.objects.filter(pk=source.pk).update(trust=trust)
    audit.note(actor, "source.trusted", f"source:{source.code}", now=now, before=before, after=trust)


def _subject(rule: IdentityRule) -> str:
    return f"identity_rule:{rule.source.code if rule.source else '*'}/{rule.kind}"


def _said(rule: IdentityRule | None) -> dict[str, Any]:
    if rule is None:
        return {}
    return {"strength": rule.strength, "trusted": rule.trusted, "single": rule.single, "cap": rule.cap}
