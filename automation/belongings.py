from automation.models import Conversion, Enrolment, StepRun
from cdp.belongings import declare

declare(Enrolment)
declare(StepRun, "enrolment__member")
declare(Conversion, "enrolment__member")
