"""The side of a patch, which the data and the networks have to agree on."""

SIDE = 64  # Pixels (paper, section 3.1.1).
