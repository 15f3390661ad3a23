"""The few short intervals at which workers look for what is due, whatever a lost message failed to say."""

TICKS = {  # task: seconds
    "cdp.absorb": 5,
    "cdp.daily": 60,
    "cdp.join": 30,
    "cdp.judge": 60,
    "automation.schedules": 10,
    "automation.advance": 5,
    "automation.roll_up": 60,
    "connectors.dispatch": 5,
    "connectors.settle_unknown": 5,
    "ground.jobs": 10,
    "ground.sweep": 300,
}
CANARY, CANARY_SECONDS = "ground.canary", 5
