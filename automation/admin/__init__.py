from automation.admin.conversion import ConversionAdmin
from automation.admin.enrolment import EnrolmentAdmin
from automation.admin.journey import JourneyAdmin, JourneyVersionAdmin

__all__ = ["ConversionAdmin", "EnrolmentAdmin", "JourneyAdmin", "JourneyVersionAdmin"]
