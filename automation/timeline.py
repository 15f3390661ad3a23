from automation.models import Enrolment
from cdp.timeline import declare

declare(
    "enrolment",
    Enrolment,
    "enrolled_at",
    lambda enrolment: {
        "journey": enrolment.journey.key,
        "version": enrolment.version.number,
        "state": enrolment.state,
        "step": enrolment.step,
        "closed_at": enrolment.closed_at,
        "reason": enrolment.reason,
    },
    joined=("journey", "version"),
)
