from loyalty.models.ledger import Book, Entry, Leg, Lot
from loyalty.models.programme import PointsAccount, Programme

__all__ = ["Book", "Entry", "Leg", "Lot", "PointsAccount", "Programme"]
