from cdp.belongings import declare
from cdp.leaving import By
from connectors import forgetting
from connectors.models import Attempt, Message, Receipt

declare(
    Message,
    export=(
        *(
            "origin",
            "purpose",
            "channel",
            "template__key",
            "template__live__text",
            "data",
            "state",
            "reason",
            "delivery",
        ),
        *("created_at", "sent_at", "delivered_at"),
    ),
    erase=By(forgetting.messages),
)
declare(
    Attempt,
    "message__member",
    export=("message__template__key", "submission__version__text", "n", "outcome", "code"),
    erase=By(forgetting.attempts),
)
declare(Receipt, export=("kind", "code", "opts_out", "at", "received_at"), erase=By(forgetting.receipts))
