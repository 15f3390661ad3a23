from automation.models import Conversion, Enrolment
from cdp.belongings import declare

declare(Enrolment)
declare(Conversion, "enrolment__member")
