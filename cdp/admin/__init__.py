from cdp.admin.event_type import EventTypeAdmin
from cdp.admin.member import MemberAdmin
from cdp.admin.order import OrderAdmin, ParkedAdmin
from cdp.admin.privacy import ErasureReceiptAdmin
from cdp.admin.profile import ProfileAdmin

__all__ = ["ErasureReceiptAdmin", "EventTypeAdmin", "MemberAdmin", "OrderAdmin", "ParkedAdmin", "ProfileAdmin"]
