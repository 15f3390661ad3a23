from config.ground.admin.brand import AlarmAdmin, AuditAdmin, BrandAdmin, ScheduleAdmin, SlotAdmin
from config.ground.admin.keys import ApiKeyAdmin

__all__ = ["AlarmAdmin", "ApiKeyAdmin", "AuditAdmin", "BrandAdmin", "ScheduleAdmin", "SlotAdmin"]
