"""What happens is decided by the last four digits of the number, so that every case can be asked for."""

from __future__ import annotations

REPLY = "REPLY R"
DELIVERED = "DELIVERED"

THROTTLED = "0429"  # the first call with it is refused with 429, the next is taken
BROKEN = "0500"  # taken, but answered with 500
HANGING = "0504"  # taken, never answered

# last four digits -> what is told, and after how many barriers (0: before the call is answered)
TOLD = {
    "0002": [(DELIVERED, 1), (REPLY, 1)],
    "0403": [("MBBLACK", 1)],  # on an opt-out list
    "0410": [("MK:0001", 1)],  # empty number
    "0600": [(DELIVERED, 1), (DELIVERED, 1)],  # told twice
    "0601": [(DELIVERED, 0)],  # told before the answer is stored
    "0602": [(DELIVERED, 2)],  # late
}


def told(phone: str) -> list[tuple[str, int]]:
    return TOLD.get(phone[-4:], [(DELIVERED, 1)])
