"""The books agree, or the fault has a name: balances = legs = lots, and every entry has moved what it says."""

from __future__ import annotations

from datetime import datetime

from django.db import connection
from django.utils.translation import gettext as _

_LEGS = """
    WITH moved AS (
        SELECT e.account_id, l.to_book AS book, l.amount FROM loyalty_leg l JOIN loyalty_entry e ON e.id = l.entry_id
        UNION ALL
        SELECT e.account_id, l.from_book, -l.amount FROM loyalty_leg l JOIN loyalty_entry e ON e.id = l.entry_id),
    legs AS (SELECT account_id, book, sum(amount) AS amount FROM moved WHERE book LIKE 'M:%' GROUP BY 1, 2),
    kept AS (SELECT a.id, b.book, b.amount FROM loyalty_pointsaccount a
             CROSS JOIN LATERAL (VALUES ('M:avail', avail), ('M:pend', pend), ('M:hold', held), ('M:debt', -debt))
                                AS b (book, amount))
    SELECT k.id, k.book, k.amount, coalesce(l.amount, 0)
    FROM kept k LEFT JOIN legs l ON l.account_id = k.id AND l.book = k.book
    WHERE k.amount <> coalesce(l.amount, 0) ORDER BY 1, 2
"""
_LOTS = """
    WITH lots AS (SELECT account_id, coalesce(sum(remaining) FILTER (WHERE state = 'active'), 0) AS avail,
                         coalesce(sum(remaining) FILTER (WHERE state = 'pending'), 0) AS pend
                  FROM loyalty_lot GROUP BY 1)
    SELECT a.id, a.avail + a.held, a.pend, coalesce(l.avail, 0), coalesce(l.pend, 0)
    FROM loyalty_pointsaccount a LEFT JOIN lots l ON l.account_id = a.id
    WHERE (a.avail + a.held, a.pend) <> (coalesce(l.avail, 0), coalesce(l.pend, 0)) ORDER BY 1
"""
_ENTRIES = """
    SELECT e.id, e.amount, coalesce(sum(l.amount), 0)
    FROM loyalty_entry e LEFT JOIN loyalty_leg l ON l.entry_id = e.id
    GROUP BY e.id HAVING e.amount <> coalesce(sum(l.amount), 0) ORDER BY 1
"""
_ORIGINALS = """
    SELECT e.id, e.amount, coalesce(t.original, 0) FROM loyalty_entry e
    LEFT JOIN loyalty_lot t ON t.entry_id = e.id AND t.account_id = e.account_id
    WHERE e.kind IN ('earn', 'grant', 'move_in') AND e.amount IS DISTINCT FROM t.original ORDER BY 1
"""
_PARTS = """
    SELECT id, original, remaining + drawn + expired + clawed + repaid + moved
    FROM loyalty_lot WHERE original <> remaining + drawn + expired + clawed + repaid + moved ORDER BY 1
"""
# A correction follows the points of its entry into the account that they moved to.
_UNDONE = """
    SELECT u.id, e.id, u.amount, e.amount FROM loyalty_entry u JOIN loyalty_entry e ON e.id = u.reverses_id
    WHERE u.amount > e.amount OR u.account_id <> e.account_id AND NOT EXISTS (
        SELECT FROM loyalty_lot first JOIN loyalty_lot t ON t.origin_lot_id = first.id AND t.account_id = u.account_id
        WHERE first.entry_id = e.id) ORDER BY 1
"""
_MOVED = """
    SELECT e.source_type, e.source_id, sum(CASE l.to_book WHEN 'P:moved' THEN l.amount ELSE -l.amount END)
    FROM loyalty_leg l JOIN loyalty_entry e ON e.id = l.entry_id WHERE 'P:moved' IN (l.from_book, l.to_book)
    GROUP BY 1, 2 HAVING sum(CASE l.to_book WHEN 'P:moved' THEN l.amount ELSE -l.amount END) <> 0 ORDER BY 1, 2
"""
_ORIGINS = """
    SELECT coalesce(origin_lot_id, id), sum(moved), coalesce(sum(original) FILTER (WHERE origin_lot_id IS NOT NULL), 0)
    FROM loyalty_lot GROUP BY 1
    HAVING sum(moved) <> coalesce(sum(original) FILTER (WHERE origin_lot_id IS NOT NULL), 0) ORDER BY 1
"""


def faults(*, now: datetime) -> list[str]:
    """Every disagreement as one sentence with the rows and both figures; none: the ledger is sound."""
    checks = (
        (_LEGS, _("account {0}, book {1}: the balance is {2}, the legs make {3}")),
        (_LOTS, _("account {0}: the balance is {1} and {2} pending, the lots hold {3} and {4} pending")),
        (_ENTRIES, _("entry {0}: its amount is {1}, its legs move {2}")),
        (_ORIGINALS, _("entry {0}: its amount is {1}, its lot began with {2}")),
        (_PARTS, _("lot {0}: it began with {1}, its parts make {2}")),
        (_UNDONE, _("entry {0} undoes entry {1}: it takes back {2} of {3}, or from another account")),
        (_MOVED, _("{0} {1}: {2} points left one account and did not come to the other")),
        (_ORIGINS, _("lot {0}: {1} of its points moved away, {2} came to other accounts")),
    )
    found = []
    with connection.cursor() as cursor:
        for sql, sentence in checks:
            cursor.execute(sql)
            found += [sentence.format(*row) for row in cursor.fetchall()]
    return found
