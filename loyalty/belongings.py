from cdp.belongings import declare
from loyalty.models import Entry, Lot, PointsAccount

declare(PointsAccount)
declare(Entry, "account__member")
declare(Lot, "account__member")
