from config.ground.admin.brand import AlarmAdmin, AuditAdmin, BrandAdmin, ScheduleAdmin, SlotAdmin
from config.ground.admin.jobs import JobAdmin
from config.ground.admin.keys import ApiKeyAdmin

__all__ = ["AlarmAdmin", "ApiKeyAdmin", "AuditAdmin", "BrandAdmin", "JobAdmin", "ScheduleAdmin", "SlotAdmin"]
