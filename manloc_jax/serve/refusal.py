"""The error that a request is refused, in one sentence for its visitor."""


class Refusal(Exception):
  """A request that is refused.

  Attributes:
    status: Of HTTP.
    sentence: For the visitor.
  """

  def __init__(self, status: int, sentence: str):
    super().__init__(sentence)
    self.status = status
    self.sentence = sentence

  def headers(self) -> dict[str, str]:
    """Returns headers of the answer: whoever is busy may be asked again."""
    return {'retry-after': '3'} if self.status == 503 else {}
