from loyalty.admin.ledger import EntryAdmin, LotAdmin
from loyalty.admin.programme import PointsAccountAdmin, ProgrammeAdmin

__all__ = ["EntryAdmin", "LotAdmin", "PointsAccountAdmin", "ProgrammeAdmin"]
