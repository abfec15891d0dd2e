"""The side of a patch, which the data and the networks share."""

SIDE = 64  # Pixels (paper, section 3.1.1).
