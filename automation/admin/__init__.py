from automation.admin.enrolment import EnrolmentAdmin
from automation.admin.journey import JourneyAdmin, JourneyVersionAdmin

__all__ = ["EnrolmentAdmin", "JourneyAdmin", "JourneyVersionAdmin"]
