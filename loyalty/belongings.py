from cdp.belonging import declare
from cdp.handover import FOLLOWS, STAYS, Special
from cdp.leaving import Kept
from loyalty.ledger import transfer
from loyalty.models import Entry, Lot, PointsAccount

LEDGER = Kept("the ledger is append-only, and its sums stay, under a number that names nobody")

declare(
    PointsAccount,
    merge=STAYS,
    export=("programme__key", "avail", "pend", "held", "debt"),
    erase=LEDGER,
)
declare(
    Entry,
    "account__member",
    merge=FOLLOWS,
    export=("account__programme__key", "kind", "amount", "reason", "origin", "occurred_at", "recorded_at"),
    erase=LEDGER,
)
declare(
    Lot,
    "account__member",
    merge=Special(transfer.join, transfer.part, counts=transfer.remaining),
    export=("account__programme__key", "state", "original", "remaining", "available_at", "expires_at"),
    erase=LEDGER,
)
