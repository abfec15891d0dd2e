"""Prepared sets on the disk: TFRecord shards or arrays, and a manifest."""
