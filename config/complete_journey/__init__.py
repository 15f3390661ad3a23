"""The Complete Journey (84.51°/dunnhumby): a grocer's households of 2017, brought in through the verbs that partners use."""

from config.complete_journey.past import BEGIN, END, ZONE, Past, dress

__all__ = ["BEGIN", "END", "ZONE", "Past", "dress"]
