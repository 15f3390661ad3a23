from cdp.admin.member import MemberAdmin
from cdp.admin.order import OrderAdmin
from cdp.admin.profile import ProfileAdmin

__all__ = ["MemberAdmin", "OrderAdmin", "ProfileAdmin"]
