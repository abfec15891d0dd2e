"""Installs manloc_jax. For a GPU: `pip install -e '.[cuda12]'`."""

import pathlib
import re

import setuptools

ROOT = pathlib.Path(__file__).parent
VERSION = re.search(
    r"VERSION = '(.+)'", (ROOT / 'manloc_jax/provenance.py').read_text()
)[1]

setuptools.setup(
    name='manloc_jax',
    version=VERSION,
    description='Localize manipulated image regions, in JAX and Flax',
    long_description=(ROOT / 'README.md').read_text(),
    long_description_content_type='text/markdown',
    license='Apache-2.0',
    python_requires='>=3.11',
    packages=setuptools.find_packages(include=['manloc_jax', 'manloc_jax.*']),
    package_data={
        'manloc_jax': [
            'pretrained/*',
            'results/*.json',
            'results/*/*/*.json',
            'serve/page.css',
        ]
    },
    entry_points={'console_scripts': ['manloc = manloc_jax.cli:main']},
    install_requires=[
        'absl-py>=2.1',
        'chex>=0.1.90',
        'flax>=0.12',
        'jax>=0.9',
        'matplotlib>=3.9',
        'ml-collections>=1.0',
        'numpy>=2.0',
        'opencv-python-headless>=4.10',
        'optax>=0.2.5',
        'orbax-checkpoint>=0.11.30',
        'pillow>=11.0',
        'pywavelets>=1.6',
        'safetensors>=0.5',  # Weights that run no code.
        'scikit-image>=0.25',  # Also photographs of the demo.
        'scikit-learn>=1.5',  # Photographs of the demo.
        'scipy>=1.13',  # Intervals of a study's claims.
        'tensorflow-cpu>=2.18',  # Reads records; it never needs a GPU.
        'tensorflow-datasets>=4.9.7',
        'tqdm>=4.66',
    ],
    extras_require={
        'benchmarks': ['torch>=2.6'],
        'cuda12': ['jax[cuda12]>=0.9'],
        'heif': ['pillow-heif>=1.0'],  # HEIC, as phones save it.
        'jpeg': ['jpeglib>=1.0'],  # Baselines read exact coefficients.
        'serve': ['gradio>=6.31,<7'],  # Its routes are those `Guard` knows.
        'tensorboard': ['tensorboard>=2.18'],
        'test': [
            'gradio>=6.31,<7',
            'jpeglib>=1.0',
            'mypy>=1.15',
            'pillow-heif>=1.0',
            'pytest>=8.0',
            'ruff>=0.8',
            'selenium>=4.20',  # Opens the page where there is a Chromium.
            'tensorboard>=2.18',
        ],
    },
)
