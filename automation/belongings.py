from automation import joining
from automation.enrolment import leave
from automation.models import Conversion, Enrolment, StepRun
from cdp.belonging import declare
from cdp.handover import FOLLOWS, LAST, Special
from cdp.leaving import By, Kept

STEPS = Kept("what a journey did and caused, under a number that names nobody")

declare(
    Enrolment,
    merge=Special(joining.join, joining.part, counts=joining.unclosed, holds=joining.hold),
    export=("journey__key", "version__number", "state", "step", "enrolled_at", "closes_at", "closed_at", "reason"),
    erase=By(leave),
)
declare(
    StepRun,
    "enrolment__member",
    merge=FOLLOWS,
    export=("enrolment__journey__key", "step", "at", "outcome"),
    erase=STEPS,
)
declare(
    Conversion,
    "enrolment__member",
    merge=Special(joining.credit, joining.credit, turn=LAST),
    export=("enrolment__journey__key", "order__external_id", "model", "amount", "at"),
    erase=STEPS,
)
