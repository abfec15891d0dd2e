"""A small network that weighs what classical methods find against each other.

The maps of the classical methods (`manloc_jax.baselines`) and plain statistics
of noise are measured in every 8x8 block: the evidence. A network that sees
17x17 blocks at once weighs it. Unlike the paper's network it also knows what is
typical of the image: how a block compares with the rest tells of a forgery.

  evidence  image -> numbers per block       network   numbers -> logits
  examples  forgeries -> training examples   train     examples -> weights
  residuals the statistics of noise          weights   a safe file of numbers
  detector  image -> Result
"""
