"""The rules of the reading, by subject.

Each is a function of the facts of all sections. It returns a sentence, or None
where it finds nothing; a fact that could not be told finds nothing.
"""
