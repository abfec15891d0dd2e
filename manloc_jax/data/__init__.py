"""From image trees to batches of patches."""

import os

# TensorFlow only reads records here: its kernels for neural networks, and what
# it prints about them, are not wanted. Set before its first import.
os.environ.setdefault('TF_ENABLE_ONEDNN_OPTS', '0')
os.environ.setdefault('TF_CPP_MIN_LOG_LEVEL', '2')
