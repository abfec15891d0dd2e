"""The one error a user is meant to read."""


class UserError(ValueError):
  """Something the user can put right; the message is one sentence.

  It names what was seen, what was expected and what to do. Commands print it
  without a traceback and exit with code 2.
  """
