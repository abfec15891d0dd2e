"""Image files to heat maps, masks and scores."""
