"""Speed, as commands that compare this package with peers and print ratios."""
