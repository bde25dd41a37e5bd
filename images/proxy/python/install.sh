#!/bin/sh
# Puts the official Dremio MCP server and all it imports into a new virtual environment.
#
#   install.sh VENV
#
# DREMIO_MCP_REVISION unset or empty: the wheel of dremio-mcp.txt with requirements.txt.
# DREMIO_MCP_REVISION a full git revision: DREMIO_MCP_REPOSITORY at that revision, with its own
# uv.lock; needs git and a way to the repository.
#
# Both ways take wheels only, and every one by its hash.
set -eu

venv=$1
here=$(cd "$(dirname "$0")" && pwd)
revision=${DREMIO_MCP_REVISION:-}
repository=${DREMIO_MCP_REPOSITORY:-https://github.com/dremio/dremio-mcp.git}

fail() {
  printf 'dremio-mcp: %s\n' "$*" >&2
  exit 1
}

# A branch or a tag names something else tomorrow; git checks what it fetched against a revision.
is_revision() {
  case $1 in *[!0-9a-f]*) return 1 ;; esac
  [ ${#1} -eq 40 ]
}

if [ -n "$revision" ] && ! is_revision "$revision"; then
  fail "DREMIO_MCP_REVISION is '$revision'; allowed: a full git revision, 40 digits of 0-9a-f" \
    "(git ls-remote $repository), or nothing for the pinned version"
fi

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

source=$work/source
if [ -n "$revision" ]; then
  # Where the base image tells pip which authorities to trust, git trusts the same.
  if [ -n "${PIP_CERT:-}" ]; then export GIT_SSL_CAINFO="$PIP_CERT"; fi
  git init --quiet "$source"
  git -C "$source" fetch --quiet --depth 1 "$repository" "$revision" ||
    fail "cannot fetch revision $revision from $repository: it must be reachable while the image" \
      "is built and know that revision; without DREMIO_MCP_REVISION the pinned version is installed"
  git -C "$source" checkout --quiet FETCH_HEAD
  [ -f "$source/uv.lock" ] ||
    fail "revision $revision of $repository has no uv.lock, so its dependencies cannot be pinned"
fi

# pip stays out of the environment that ends up in the image.
python3 -m venv "$work/tools"
python3 -m venv --without-pip "$venv"

# Installs into the environment $1; the other arguments say what.
install() {
  into=$1
  shift
  "$work/tools/bin/pip" --python "$into/bin/python" --disable-pip-version-check install \
    --no-cache-dir --no-compile --no-warn-conflicts --root-user-action=ignore "$@"
}
hashed='--require-hashes --only-binary=:all:'

if [ -z "$revision" ]; then
  install "$venv" $hashed --requirement "$here/requirements.txt"
  # --no-deps: its metadata asks for the libraries of other commands too (requirements.in).
  install "$venv" $hashed --no-deps --requirement "$here/dremio-mcp.txt"
  exit
fi

install "$work/tools" $hashed --requirement "$here/build-tools.txt"
"$work/tools/bin/uv" export --quiet --directory "$source" --frozen --no-dev --no-emit-project \
  --format requirements-txt --output-file "$work/requirements.txt" >/dev/null
# --no-deps: the lock file names all there is, and pip would ask for hashes of extras besides.
install "$venv" $hashed --no-deps --requirement "$work/requirements.txt"
"$work/tools/bin/pip" wheel --quiet --no-deps --no-index --no-build-isolation \
  --wheel-dir "$work/wheels" "$source"
install "$venv" --no-deps --no-index "$work"/wheels/*.whl
