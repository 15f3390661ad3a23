from cdp.timeline import declare
from connectors.models import Message

declare(
    "message",
    Message,
    "created_at",
    lambda message: {
        "template": message.template.key,
        "channel": message.channel,
        "state": message.state,
        "reason": message.reason,
        "delivery": message.delivery,
        "sent_at": message.sent_at,
        "origin": message.origin,
    },
    joined=("template",),
)
