"""The rules that split images, and the defaults.

Nothing is imported here, so that command lines can list the rules at once.
"""

# By image (section 4 of the paper), by photograph, or fixed by the dataset.
RULES = ('random', 'group', 'given')
# Or by a file of `manloc split`.
ALL_RULES = (*RULES, 'list')
# The paper's rule; docs/study.md shows what it leaks.
DEFAULT = 'random'
# Of train, val and test (section 4 of the paper).
FRACTIONS = (0.65, 0.10, 0.25)
