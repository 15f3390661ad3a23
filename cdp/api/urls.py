from django.urls import path

from cdp.api.candidates import MemberCandidates
from cdp.api.conditions import ConditionsExplain, ConditionsSchema
from cdp.api.consents import MemberConsents
from cdp.api.ingest import IngestEvents, IngestMembers, IngestOrders, IngestProducts, IngestRefunds
from cdp.api.insight import (
    InsightCohorts,
    InsightIntervals,
    InsightOverlap,
    InsightOverview,
    InsightPath,
    InsightRfm,
    InsightSecondPurchase,
    InsightTgi,
    SegmentInsight,
)
from cdp.api.merges import MembersMerge, MembersUnmerge
from cdp.api.privacy import MemberExport, OneMember
from cdp.api.quality import QualityMetrics
from cdp.api.segments import OneSegment, SegmentMembers, SegmentPreview, Segments
from cdp.api.timeline import MemberTimeline

urlpatterns = [
    path("ingest/members", IngestMembers.as_view()),
    path("ingest/products", IngestProducts.as_view()),
    path("ingest/orders", IngestOrders.as_view()),
    path("ingest/refunds", IngestRefunds.as_view()),
    path("ingest/events", IngestEvents.as_view()),
    path("members/candidates", MemberCandidates.as_view()),
    path("members/merge", MembersMerge.as_view()),
    path("members/unmerge", MembersUnmerge.as_view()),
    path("conditions/schema", ConditionsSchema.as_view()),
    path("conditions/explain", ConditionsExplain.as_view()),
    path("segments", Segments.as_view()),
    path("segments/preview", SegmentPreview.as_view()),
    path("segments/<str:segment>", OneSegment.as_view()),
    path("segments/<str:segment>/members", SegmentMembers.as_view()),
    path("metrics/quality", QualityMetrics.as_view()),
    path("insight", InsightOverview.as_view()),
    path("insight/rfm", InsightRfm.as_view()),
    path("insight/tgi", InsightTgi.as_view()),
    path("insight/cohorts", InsightCohorts.as_view()),
    path("insight/intervals", InsightIntervals.as_view()),
    path("insight/second-purchase", InsightSecondPurchase.as_view()),
    path("insight/path", InsightPath.as_view()),
    path("insight/overlap", InsightOverlap.as_view()),
    path("segments/<str:segment>/insight", SegmentInsight.as_view()),
    path("members/<str:member>", OneMember.as_view()),
    path("members/<str:member>/export", MemberExport.as_view()),
    path("members/<str:member>/timeline", MemberTimeline.as_view()),
    path("members/<str:member>/consents", MemberConsents.as_view()),
]
