"""Groups of names that are joined pair by pair."""


class UnionFind:
  """A forest of names; those of one tree are one group."""

  def __init__(self) -> None:
    self._parent: dict[str, str] = {}

  def find(self, name: str) -> str:
    """Returns the name of a group: the smallest in it."""
    parent = self._parent.setdefault(name, name)
    while parent != self._parent[parent]:
      parent = self._parent[parent]
    self._parent[name] = parent
    return parent

  def join(self, one: str, other: str) -> None:
    """Makes one group of those of two names."""
    # The smaller name stays the root, so that a group's name is a property
    # of the group and not of the order of the files.
    low, high = sorted((self.find(one), self.find(other)))
    self._parent[high] = low
