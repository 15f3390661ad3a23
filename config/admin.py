"""Found by Django as the roof's admin: pages that show several rooms together."""

from config.site.insight import InsightAdmin
from config.site.member import MemberPage
from config.site.quality import QualityAdmin

__all__ = ["InsightAdmin", "MemberPage", "QualityAdmin"]
