"""All families: the core, judged by which members are placed, and those in tables of their own."""

from __future__ import annotations

from cdp.features import behaviour, buying, purchase

CORE = purchase.FAMILY
BESIDE = (buying.FAMILY, behaviour.FAMILY)
ALL = (CORE, *BESIDE)
