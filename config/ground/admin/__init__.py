from config.ground.admin.brand import AlarmAdmin, AuditAdmin, ScheduleAdmin, SlotAdmin
from config.ground.admin.jobs import JobAdmin
from config.ground.admin.keys import ApiKeyAdmin
from config.ground.admin.people import GroupAdmin, UserAdmin

__all__ = [
    "AlarmAdmin",
    "ApiKeyAdmin",
    "AuditAdmin",
    "GroupAdmin",
    "JobAdmin",
    "ScheduleAdmin",
    "SlotAdmin",
    "UserAdmin",
]
