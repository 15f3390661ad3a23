"""Found by Django as the roof's admin: pages that show several rooms together."""

from config.site.member import MemberPage
from config.site.quality import QualityAdmin

__all__ = ["MemberPage", "QualityAdmin"]
