#!/usr/bin/env bash
# pybela_prepare.sh FOLDER: makes FOLDER/venv with the official pybela, and FOLDER/tests with its own tests where its
# source package can be had; says its version. Says why and ends with 77 where it cannot be had.
set -u
folder=$1
version=2.0.3
mkdir -p "$folder" && cd "$folder" || exit 77
give_up() { echo "no official client: $1"; exit 77; }
say='import importlib.metadata as m; print("pybela", m.version("pybela"))'
export PIP_CACHE_DIR=$folder/pip PIP_DISABLE_PIP_VERSION_CHECK=1
get_tests() {
  [ -e tests/test.py ] && return
  timeout 300 venv/bin/pip download --quiet --no-deps --no-binary :all: --dest source "pybela==$version" >tests.log 2>&1 \
    && tar -xzf "source/pybela-$version.tar.gz" -C source && rm -rf tests && mv "source/pybela-$version/test" tests
}
[ -x venv/bin/python ] && venv/bin/python -c "import pybela; $say" 2>/dev/null && { get_tests; exit 0; }
command -v python3 >/dev/null || give_up "there is no python3"
python3 -m venv venv 2>/dev/null || give_up "python3 makes no virtual environment"
timeout 300 venv/bin/pip install --quiet "pybela==$version" >install.log 2>&1 || give_up "pip failed: $(tail -1 install.log)"
venv/bin/python -c "import pybela; $say" || give_up "it does not load"
get_tests
exit 0
