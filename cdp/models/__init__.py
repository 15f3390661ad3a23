from cdp.models.attribute import AttributeDefinition
from cdp.models.consent import Consent, ConsentRecord
from cdp.models.event import Event, EventType
from cdp.models.feed import FeedRow, Interest
from cdp.models.imports import FileImport
from cdp.models.ingest import IngestBody, IngestCall, SourceQuality
from cdp.models.insight import Insight
from cdp.models.member import DataKey, Identity, Member
from cdp.models.merge import Merge
from cdp.models.oneid import IdentityRule, IdentityUse, MergeCandidate, Telling
from cdp.models.order import Order, OrderLine, Product
from cdp.models.privacy import ErasureReceipt, ThirdPartyAttribute
from cdp.models.profile import Behaviour, Buying, Placement, PopulationRun, Profile
from cdp.models.refund import Parked, Refund, RefundLine
from cdp.models.segment import Segment, SegmentMember, SegmentSize, TagRule
from cdp.models.source import Seen, Source
from cdp.models.tag import MemberTag, Tag

__all__ = [
    "AttributeDefinition",
    "Behaviour",
    "Buying",
    "Consent",
    "ConsentRecord",
    "DataKey",
    "ErasureReceipt",
    "Event",
    "EventType",
    "FeedRow",
    "FileImport",
    "Identity",
    "IdentityRule",
    "IdentityUse",
    "IngestBody",
    "IngestCall",
    "Insight",
    "Interest",
    "Member",
    "MemberTag",
    "Merge",
    "MergeCandidate",
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
    "Segment",
    "SegmentMember",
    "SegmentSize",
    "Source",
    "SourceQuality",
    "Tag",
    "TagRule",
    "Telling",
    "ThirdPartyAttribute",
]
