from cdp.models.attribute import AttributeDefinition
from cdp.models.consent import Consent, ConsentRecord
from cdp.models.event import Event
from cdp.models.feed import FeedRow, Interest
from cdp.models.imports import FileImport
from cdp.models.member import Identity, Member
from cdp.models.order import Order, OrderLine, Product
from cdp.models.profile import Placement, PopulationRun, Profile
from cdp.models.refund import Parked, Refund, RefundLine
from cdp.models.source import Seen, Source
from cdp.models.tag import MemberTag, Tag

__all__ = [
    "AttributeDefinition",
    "Consent",
    "ConsentRecord",
    "Event",
    "FeedRow",
    "FileImport",
    "Identity",
    "Interest",
    "Member",
    "MemberTag",
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
    "Tag",
]
