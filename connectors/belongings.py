from cdp.belongings import declare
from connectors.models import Message, Receipt

declare(Message)
declare(Receipt)
