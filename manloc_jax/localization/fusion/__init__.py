"""A small network that fuses the features of classical methods.

The maps of the classical methods (`localization.classical`) and statistics of
noise are the features of every 8x8 block. A network that sees 17x17 blocks at
once fuses them. Unlike the paper's network it also gets statistics
of the whole image, so that it can compare a block with the rest.

  features   image -> numbers per block       network   numbers -> logits
  examples   forgeries -> training examples   train     examples -> weights
  residuals  the statistics of noise          weights   a safetensors file
  localizer  image -> Result
"""
