from cdp.belongings import declare
from cdp.handover import FOLLOWS, Special
from loyalty.ledger import transfer
from loyalty.models import Entry, Lot, PointsAccount

declare(PointsAccount, merge=Special(transfer.join, transfer.part))
declare(Entry, "account__member", merge=FOLLOWS)
declare(Lot, "account__member", merge=FOLLOWS)
