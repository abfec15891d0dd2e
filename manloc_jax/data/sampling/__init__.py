"""Chooses the patches of an image and cuts them out."""
