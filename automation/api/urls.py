from django.urls import path

from automation.api.enrolments import JourneyEnrolments
from automation.api.metrics import JourneyMetrics

urlpatterns = [
    path("journeys/<slug:key>/metrics", JourneyMetrics.as_view()),
    path("journeys/<slug:key>/enrolments", JourneyEnrolments.as_view()),
]
