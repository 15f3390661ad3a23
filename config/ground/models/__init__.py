"""The floor's tables. They know no member and may be used by every room."""

from config.ground.models.access import Answer, ApiKey, LoginTry, Nonce
from config.ground.models.brand import Brand, BrandManager, default_mall_stages, default_stages, default_value_tiers
from config.ground.models.secret import BlindKey, WrappedKey
from config.ground.models.watch import Alarm, AuditRow, Heartbeat
from config.ground.models.work import Job, JobFile, JobPart, Schedule, Slot

__all__ = [
    "Alarm",
    "Answer",
    "ApiKey",
    "AuditRow",
    "BlindKey",
    "Brand",
    "BrandManager",
    "Heartbeat",
    "Job",
    "JobFile",
    "JobPart",
    "LoginTry",
    "Nonce",
    "Schedule",
    "Slot",
    "WrappedKey",
    "default_mall_stages",
    "default_stages",
    "default_value_tiers",
]
