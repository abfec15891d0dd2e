"""Which images train, validate and test: by a rule or by a list."""
