"""Image files to pixels: formats, limits, oddities of JPEG, masks."""
