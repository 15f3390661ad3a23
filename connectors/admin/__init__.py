from connectors.admin.account import BlockedAddressAdmin, ProviderAccountAdmin
from connectors.admin.message import MessageAdmin, SubmissionAdmin
from connectors.admin.receipt import ReceiptAdmin
from connectors.admin.template import TemplateAdmin

__all__ = [
    "BlockedAddressAdmin",
    "MessageAdmin",
    "ProviderAccountAdmin",
    "ReceiptAdmin",
    "SubmissionAdmin",
    "TemplateAdmin",
]
