"""From counts summed on devices to named scores."""
