"""What the members are like, as of an instant, computed from facts alone: no profile row is read, so any past instant is
answered as it would have been then. One statement a picture, over everybody or over any set of members.

Population figures (base interval, cut points, means) are always everybody's, as in the daily run; whoever is looked at is placed
among them.
"""
