"""How good what came in is: per source, over whole brand days up to an instant, in figures that name their parts.

What came is read from the ingest log (call by call, so nothing is counted row by row), what it became from the facts that were
recorded in these days. One statement a family, whatever the number of sources, members or days.
"""

from cdp.quality.figures import DAYS, LONGEST, measure

__all__ = ["DAYS", "LONGEST", "measure"]
