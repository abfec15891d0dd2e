"""Commands that measure speed against peers and print ratios."""
