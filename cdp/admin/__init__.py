from cdp.admin.attribute import AttributeAdmin
from cdp.admin.brand import BrandAdmin
from cdp.admin.candidate import MergeCandidateAdmin
from cdp.admin.event_type import EventTypeAdmin
from cdp.admin.imports import FileImportAdmin
from cdp.admin.ingest import IngestCallAdmin
from cdp.admin.member import MemberAdmin
from cdp.admin.merge import MergeAdmin
from cdp.admin.order import OrderAdmin, ParkedAdmin, RefundAdmin
from cdp.admin.privacy import ErasureReceiptAdmin
from cdp.admin.profile import ProfileAdmin
from cdp.admin.rule import IdentityRuleAdmin, SourceAdmin
from cdp.admin.segment import SegmentAdmin, TagRuleAdmin
from cdp.admin.tag import TagAdmin

__all__ = [
    "AttributeAdmin",
    "BrandAdmin",
    "ErasureReceiptAdmin",
    "EventTypeAdmin",
    "FileImportAdmin",
    "IdentityRuleAdmin",
    "IngestCallAdmin",
    "MemberAdmin",
    "MergeAdmin",
    "MergeCandidateAdmin",
    "OrderAdmin",
    "ParkedAdmin",
    "ProfileAdmin",
    "RefundAdmin",
    "SegmentAdmin",
    "SourceAdmin",
    "TagAdmin",
    "TagRuleAdmin",
]
