#!/bin/sh
# Takes out of a virtual environment what only its developers need, and compiles the rest: the
# service's root is read-only, so no run could keep the bytecode it makes.
#
#   slim.sh VENV
set -eu

venv=$1

# Test suites; type stubs; sources and headers of extension modules, which are here as binaries.
find "$venv/lib" -type d \( -name tests -o -name include -o -name __pycache__ \) -prune \
  -exec rm -rf {} +
find "$venv/lib" -type f \( -name '*.pyi' -o -name '*.pyx' -o -name '*.pxd' -o -name '*.h' \
  -o -name '*.c' -o -name '*.a' \) -delete
rm -rf "$venv/include" "$venv/share"
# Of the commands, only the interpreter and the server.
find "$venv/bin" ! -type d ! -name 'python*' ! -name dremio-mcp-server -delete

# By hash and unchecked: layers may change a file's time, nothing may change its content.
"$venv/bin/python" -m compileall -q -j 0 --invalidation-mode unchecked-hash "$venv/lib"
