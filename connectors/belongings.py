from cdp.belonging import declare
from cdp.handover import FOLLOWS, STAYS, Moves
from cdp.leaving import By
from connectors import forgetting
from connectors.models import Attempt, Message, Receipt

SENT = ("origin", "purpose", "channel", "template__key", "data", "state", "reason", "delivery")

# What is ready goes over, unless somebody is sending it this moment; what went out is history.
declare(
    Message,
    merge=Moves(only="t.state = 'ready'", busy_stay=True),
    export=(*SENT, "created_at", "sent_at", "delivered_at"),
    erase=By(forgetting.messages),
)
declare(
    Attempt,
    "message__member",
    merge=FOLLOWS,
    export=("message__template__key", "submission__version__text", "n", "outcome", "code"),
    erase=By(forgetting.attempts),
)
declare(Receipt, merge=STAYS, export=("kind", "code", "opts_out", "at", "received_at"), erase=By(forgetting.receipts))
