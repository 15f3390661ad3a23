from automation.models.conversion import Conversion
from automation.models.enrolment import Enrolment, StepRun
from automation.models.figure import Figure
from automation.models.journey import Journey, JourneyVersion
from automation.models.matching import MatchTry

__all__ = ["Conversion", "Enrolment", "Figure", "Journey", "JourneyVersion", "MatchTry", "StepRun"]
