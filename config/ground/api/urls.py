from django.urls import path

from config.ground.api.jobs import JobDoor, JobFileDoor

urlpatterns = [
    path("jobs/<int:job>", JobDoor.as_view(), name="job"),
    path("jobs/<int:job>/file", JobFileDoor.as_view(), name="job_file"),
]
