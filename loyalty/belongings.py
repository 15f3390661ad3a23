from cdp.belongings import declare
from cdp.handover import FOLLOWS, STAYS, Special
from loyalty.ledger import transfer
from loyalty.models import Entry, Lot, PointsAccount

declare(Entry, "account__member", merge=FOLLOWS)
declare(Lot, "account__member", merge=Special(transfer.join, transfer.part, counts=transfer.remaining))
declare(PointsAccount, merge=STAYS)
