from cdp.admin.ingest import IngestCallAdmin
from cdp.admin.member import MemberAdmin
from cdp.admin.order import OrderAdmin, ParkedAdmin
from cdp.admin.profile import ProfileAdmin

__all__ = ["IngestCallAdmin", "MemberAdmin", "OrderAdmin", "ParkedAdmin", "ProfileAdmin"]
