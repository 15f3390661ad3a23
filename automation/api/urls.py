from django.urls import path

from automation.api.metrics import JourneyMetrics

urlpatterns = [path("journeys/<slug:key>/metrics", JourneyMetrics.as_view())]
