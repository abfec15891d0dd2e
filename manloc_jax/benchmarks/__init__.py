"""Speed, as commands that race this package against a peer and print ratios."""
