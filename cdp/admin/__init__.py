from cdp.admin.brand import BrandAdmin
from cdp.admin.member import MemberAdmin
from cdp.admin.order import OrderAdmin, ParkedAdmin
from cdp.admin.profile import ProfileAdmin

__all__ = ["BrandAdmin", "MemberAdmin", "OrderAdmin", "ParkedAdmin", "ProfileAdmin"]
