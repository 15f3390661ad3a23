from cdp.belongings import declare
from cdp.handover import STAYS, Moves
from connectors.models import Message, Receipt

# What is ready goes over, unless somebody is sending it this moment; what went out is history.
declare(Message, merge=Moves(only="t.state = 'ready'", busy_stay=True))
declare(Receipt, merge=STAYS)
