# Functions that find the Pythons which pyproject.toml supports, on PATH or below pyenv; to be sourced.

supported_pythons() {
  sed -n 's/^ *"Programming Language :: Python :: \(3\.[0-9][0-9]*\)",$/\1/p' pyproject.toml
}

python_version() {
  "$1" -c 'import sys; print("%d.%d" % sys.version_info[:2])' 2>/dev/null
}

# The path of a Python of this version that starts (shims of pyenv may not) and can make an environment; fails if there is none.
find_python() {
  local candidate
  for candidate in "python$1" $(pyenv_pythons "$1"); do
    if [ "$(python_version "$candidate")" = "$1" ] && "$candidate" -c 'import ensurepip, venv' &>/dev/null; then
      command -v "$candidate"
      return
    fi
  done
  return 1
}

# Those of pyenv, the newest first.
pyenv_pythons() {
  local home root
  home=$(getent passwd "$(id -u)" 2>/dev/null | cut -d: -f6) || true
  for root in "${PYENV_ROOT:-}" "${HOME:-}/.pyenv" "$home/.pyenv"; do
    if [ -d "$root/versions" ]; then
      find "$root/versions" -path "*/versions/$1.*[0-9]/bin/python$1" | sort -rV
    fi
  done
}
