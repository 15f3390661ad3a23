from automation import joining
from automation.models import Conversion, Enrolment, StepRun
from cdp.belongings import declare
from cdp.handover import FOLLOWS, LAST, Special

_ENROLMENTS = Special(joining.join, joining.part, counts=joining.unclosed, holds=joining.hold)

declare(Enrolment, merge=_ENROLMENTS)
declare(StepRun, "enrolment__member", merge=FOLLOWS)
declare(Conversion, "enrolment__member", merge=Special(joining.credit, joining.credit, turn=LAST))
