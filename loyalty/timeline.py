from cdp.timeline import declare
from loyalty.models import Entry

declare(
    "points",
    Entry,
    "occurred_at",
    lambda entry: {"kind": entry.kind, "points": entry.amount, "reason": entry.reason, "origin": entry.origin},
    member="account__member",
)
