"""Pairs of members that may be one person: proposed with their evidence, decided by people, or due when the sources say so.

A pair is due to be joined when its source is trusted for a kind that names each of the two, and they hold no different values of
a kind of which a source gives a person one. Everything else is for review. The score, 0 to 100, is how sure the identities that
they share make it, 1 - (1 - w1)(1 - w2)..., with the weights of `cdp/kinds.py` (what is weak weighs at most 15) and of what both
are said to be (AGREE); each attribute in which they differ takes a third of it, a contradiction half.
What a person once kept apart, or took apart again, is not proposed again on the same evidence, and never due.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from django.db import connection, transaction

from cdp import kinds
from cdp.errors import Decided
from cdp.identity import Key
from cdp.masks import mask
from cdp.models import Member, MergeCandidate
from cdp.persons import contradict
from cdp.resolving import Resolved
from cdp.rules import Rules
from config.ground import audit

AGREE = {"name": 40, "birthday": 50, "gender": 5}
WEAK = 15
State = MergeCandidate.State
UNDECIDED = (State.OPEN, State.DUE)


@dataclass(frozen=True)
class Met:
    """An identity of the row that brought a pair together: whom it names, and what may be shown of it."""

    identity: int
    kind: str
    app: str
    value: str
    names: int


@dataclass
class Proposal:
    low: int
    high: int
    due: bool
    met: list[Met]
    basis: set[int]  # identities that named the other
    weights: dict[int, int]
    against: set[str]  # kinds of which they hold different values


def propose(found: Resolved, *, now: datetime) -> list[int]:
    """Write down the pairs that met in a batch, each once. Returns the candidates that are due to be joined."""
    proposals = _proposals(found)
    if not proposals:
        return []
    said = dict(Member.objects.filter(pk__in={m for pair in proposals for m in pair}).values_list("pk", "attributes"))
    rows = [(p, *_weigh(p, said)) for _pair, p in sorted(proposals.items())]
    with connection.cursor() as cursor:
        cursor.execute(
            _PROPOSE,
            [
                found.rules.source,
                now,
                [p.low for p, _score, _evidence in rows],
                [p.high for p, _score, _evidence in rows],
                [State.DUE if p.due else State.OPEN for p, _score, _evidence in rows],
                [score for _p, score, _evidence in rows],
                [json.dumps(sorted(p.basis)) for p, _score, _evidence in rows],
                [json.dumps(evidence, ensure_ascii=False) for _p, _score, evidence in rows],
            ],
        )
        return [id for id, state in cursor.fetchall() if state == State.DUE]


_PROPOSE = """
    INSERT INTO cdp_mergecandidate AS c
           (source_id, made_at, low_id, high_id, state, score, basis, evidence, decided_by)
    SELECT %s, %s, low, high,
           CASE WHEN EXISTS (SELECT FROM cdp_merge m WHERE m.undone_at IS NOT NULL
                             AND (m.keep_id, m.drop_id) IN ((low, high), (high, low))) THEN 'open' ELSE state END,
           score, basis, evidence, ''
    FROM (SELECT low, high, state, score, evidence, ARRAY(SELECT jsonb_array_elements_text(basis)::bigint) AS basis
          FROM unnest(%s::bigint[], %s::bigint[], %s::text[], %s::int[], %s::jsonb[], %s::jsonb[])
               AS p (low, high, state, score, basis, evidence)) p
    WHERE NOT EXISTS (SELECT FROM cdp_mergecandidate d WHERE d.low_id = p.low AND d.high_id = p.high
                      AND d.state IN ('dismissed', 'joined') AND d.basis @> p.basis)
    ORDER BY low, high
    ON CONFLICT (low_id, high_id) WHERE state IN ('open', 'due') DO UPDATE
    SET state = CASE WHEN 'due' IN (c.state, excluded.state) THEN 'due' ELSE 'open' END,
        score = greatest(c.score, excluded.score),
        basis = ARRAY(SELECT DISTINCT unnest(c.basis || excluded.basis) ORDER BY 1),
        evidence = excluded.evidence || jsonb_build_object('met', (
            SELECT jsonb_agg(DISTINCT met) FROM jsonb_array_elements(c.evidence->'met' || (excluded.evidence->'met')) met))
    WHERE NOT c.basis @> excluded.basis OR excluded.state = 'due' AND c.state = 'open'
    RETURNING c.id, c.state
"""


def _proposals(found: Resolved) -> dict[tuple[int, int], Proposal]:
    proposals: dict[tuple[int, int], Proposal] = {}
    for meeting in found.meetings:
        met = [key for key in meeting.met if key not in found.spent]
        home, other = meeting.home.member, meeting.other.member
        if not met or home is None or other is None:
            continue
        low, high = sorted((home, other))
        against = {kind for kind, _app in contradict(meeting.home.held, meeting.other.held, found.rules)}
        due = not against and _trusted(found.rules, meeting.by) and _trusted(found.rules, met)
        p = proposals.setdefault((low, high), Proposal(low, high, False, [], set(), {}, set()))
        p.due |= due
        p.against |= against
        p.basis |= {found.ids[key] for key in met}
        p.weights |= {found.ids[key]: _weight(key, found.rules) for key in met}
        seen = [_shown(meeting.by[0], found, home), *(_shown(key, found, other) for key in met)]
        p.met += [one for one in seen if one not in p.met]
    return proposals


def _trusted(rules: Rules, keys: Collection[Key]) -> bool:
    return not rules.untrusted and any(rules.of(key.kind).trusted for key in keys)


def _weight(key: Key, rules: Rules) -> int:
    weight = kinds.BY_NAME[key.kind].weight
    return min(weight, WEAK) if rules.of(key.kind).weak else weight


def _shown(key: Key, found: Resolved, names: int) -> Met:
    return Met(found.ids[key], key.kind, key.app, mask(key.value, key.kind), names)


def _weigh(p: Proposal, said: dict[int, dict[str, Any]]) -> tuple[int, dict[str, Any]]:
    """Score and evidence of a pair."""
    one, other = said.get(p.low, {}), said.get(p.high, {})
    both = [name for name in AGREE if one.get(name) and other.get(name)]
    agree = [name for name in both if one[name] == other[name]]
    differ = [name for name in both if one[name] != other[name]]
    evidence = {"met": [asdict(met) for met in p.met], "agree": agree, "differ": differ, "against": sorted(p.against)}
    return score([*p.weights.values(), *(AGREE[name] for name in agree)], len(differ), bool(p.against)), evidence


def score(weights: Sequence[int], differing: int, against: bool) -> int:
    unsure = 1.0
    for weight in weights:
        unsure *= 1 - weight / 100
    return round(100 * (1 - unsure) * (2 / 3) ** differing * (0.5 if against else 1))


@transaction.atomic
def dismiss(candidate: int, *, actor: str, now: datetime) -> None:
    """Keep the two apart. Raises Decided when somebody was faster."""
    decide(candidate, State.DISMISSED, actor=actor, now=now)
    audit.note(actor, "candidate.dismissed", f"candidate:{candidate}", now=now)


def decide(candidate: int, state: MergeCandidate.State, *, actor: str, now: datetime) -> None:
    undecided = MergeCandidate.objects.filter(pk=candidate, state__in=UNDECIDED)
    if undecided.update(state=state, decided_at=now, decided_by=actor) != 1:
        raise Decided(candidate)


def overtake(identities: Collection[int], *, now: datetime) -> int:
    """Close what rests on nothing but identities that turned weak. Returns how many pairs."""
    if not identities:
        return 0
    with connection.cursor() as cursor:
        cursor.execute(
            """UPDATE cdp_mergecandidate c SET state = 'overtaken', decided_at = %s
               WHERE c.state IN ('open', 'due') AND c.basis && %s::bigint[]
                 AND NOT EXISTS (SELECT FROM cdp_identity i WHERE i.id = ANY(c.basis) AND i.weak_since IS NULL)""",
            [now, list(identities)],
        )
        return cursor.rowcount
