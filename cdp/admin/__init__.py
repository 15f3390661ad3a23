from cdp.admin.attribute import AttributeAdmin
from cdp.admin.imports import FileImportAdmin
from cdp.admin.member import MemberAdmin
from cdp.admin.order import OrderAdmin, ParkedAdmin, RefundAdmin
from cdp.admin.profile import ProfileAdmin
from cdp.admin.tag import TagAdmin

__all__ = [
    "AttributeAdmin",
    "FileImportAdmin",
    "MemberAdmin",
    "OrderAdmin",
    "ParkedAdmin",
    "ProfileAdmin",
    "RefundAdmin",
    "TagAdmin",
]
