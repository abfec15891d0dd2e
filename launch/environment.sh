# Sourced by the other scripts: makes and enters the project's environment.
# Usage: source launch/environment.sh EXTRAS
#   MANLOC_VENV   the environment's folder, by default .venv

MANLOC_ROOT="$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)"
cd "$MANLOC_ROOT" || return
MANLOC_VENV="${MANLOC_VENV:-$MANLOC_ROOT/.venv}"

if ! python3 -c 'import sys; sys.exit(sys.version_info < (3, 11))'; then
  echo "manloc_jax needs Python 3.11 or newer; $(python3 --version) was found." >&2
  exit 2
fi
if [ ! -x "$MANLOC_VENV/bin/python" ]; then
  python3 -m venv "$MANLOC_VENV"
fi
source "$MANLOC_VENV/bin/activate"

# Installs once, and again when the requirements change.
manloc_sum="$(cat pyproject.toml setup.py | cksum | cut -d' ' -f1)"
manloc_stamp="$MANLOC_VENV/installed-$1-$manloc_sum"
if [ ! -e "$manloc_stamp" ]; then
  python -m pip install --quiet --disable-pip-version-check -e ".[$1]"
  touch "$manloc_stamp"
fi
