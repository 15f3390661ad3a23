from cdp.models.consent import Consent, ConsentRecord
from cdp.models.event import Event
from cdp.models.feed import FeedRow, Interest
from cdp.models.member import Identity, Member
from cdp.models.merge import Merge
from cdp.models.order import Order, OrderLine, Product
from cdp.models.privacy import ErasureReceipt, ThirdPartyAttribute
from cdp.models.profile import Placement, PopulationRun, Profile
from cdp.models.refund import Parked, Refund, RefundLine
from cdp.models.source import Seen, Source

__all__ = [
    "Consent",
    "ConsentRecord",
    "ErasureReceipt",
    "Event",
    "FeedRow",
    "Identity",
    "Interest",
    "Member",
    "Merge",
    "Order",
    "OrderLine",
    "Parked",
    "Placement",
    "PopulationRun",
    "Product",
    "Profile",
    "Refund",
    "RefundLine",
    "Seen",
    "Source",
    "ThirdPartyAttribute",
]
