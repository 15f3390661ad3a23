from connectors.models.account import BlockedAddress, ProviderAccount
from connectors.models.message import Attempt, Message, Submission
from connectors.models.receipt import Receipt
from connectors.models.template import Template, TemplateVersion

__all__ = [
    "Attempt",
    "BlockedAddress",
    "Message",
    "ProviderAccount",
    "Receipt",
    "Submission",
    "Template",
    "TemplateVersion",
]
