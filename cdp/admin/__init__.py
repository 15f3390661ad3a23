from cdp.admin.candidate import MergeCandidateAdmin
from cdp.admin.member import MemberAdmin
from cdp.admin.merge import MergeAdmin
from cdp.admin.order import OrderAdmin, ParkedAdmin
from cdp.admin.profile import ProfileAdmin
from cdp.admin.rule import IdentityRuleAdmin, SourceAdmin

__all__ = [
    "IdentityRuleAdmin",
    "MemberAdmin",
    "MergeAdmin",
    "MergeCandidateAdmin",
    "OrderAdmin",
    "ParkedAdmin",
    "ProfileAdmin",
    "SourceAdmin",
]
