"""How images may be split, and how they are by default.

Nothing is imported here, so that a command line knows the rules at once.
"""

# By image (section 4 of the paper), by photograph, or as the dataset says.
RULES = ('random', 'group', 'given')
# Or as a file of `manloc split` says.
ALL_RULES = (*RULES, 'list')
# The paper's; README and the configurations say what it leaks.
DEFAULT = 'random'
# Of train, val and test (section 4 of the paper).
FRACTIONS = (0.65, 0.10, 0.25)
