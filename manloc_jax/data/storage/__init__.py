"""Writes and reads prepared sets: TFRecord shards or arrays, and a manifest."""
