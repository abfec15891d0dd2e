"""A small network that weighs what classical methods find against each other.

The maps of the classical methods (`manloc_jax.baselines`) and plain statistics
of noise are measured in every 8x8 block: the evidence. A network of a few
thousand blocks' reach weighs it. Unlike the paper's network it sees the whole
image: how a block compares with the rest is what tells of a forgery.

  evidence  image -> numbers per block       network   numbers -> logits
  examples  forgeries -> training examples   train     examples -> weights
  localizer image -> Result                  weights   a safe file of numbers
"""
