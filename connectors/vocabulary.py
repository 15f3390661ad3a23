"""The fields of this room's tables."""

from connectors import engagement

__all__ = ["engagement"]
