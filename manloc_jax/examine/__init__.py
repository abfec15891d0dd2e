"""Reports on what one image file says: its bytes, metadata, history and map."""
