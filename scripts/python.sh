# Sourced by the scripts beside it: in_checkout MODULE ARGUMENT... runs a module of this checkout with a Python that is
# new enough, whatever folder the caller is in. No virtual environment is needed yet.
in_checkout() {
  local root candidate
  root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
  for candidate in python3 python3.14 python3.13 python3.12 python3.11; do
    if "$candidate" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
      cd "$root"
      PYTHONDONTWRITEBYTECODE=1 exec "$candidate" -m "$@"
    fi
  done
  echo "error: Python 3.11 or newer is needed, and none was found" >&2
  echo "  hint: apt-get install python3 (Debian 12, Ubuntu 24.04 and later have it)" >&2
  exit 1
}
