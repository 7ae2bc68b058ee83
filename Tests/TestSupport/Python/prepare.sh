#!/usr/bin/env bash
# prepare.sh NAME…: makes .build/NAME/python, an interpreter with what others wrote and tests compare with. NAME is
#   numpy   readers (of JUnit and JSON Schema)   jupyter (nbformat and jupytext)
#   jupyter-clients (the suite of kernels, nbclient, papermill, nbconvert)
#   pybela (and its own tests, in .build/pybela/tests)   official-client (that of Synnax)
# Says why and ends with 77 where one cannot be had. Who asks while it is being made waits for it.
set -u
cd "$(dirname "${BASH_SOURCE[0]}")/../../.." || exit 77
if (($# != 1)); then
  worst=0
  for name in "$@"; do Tests/TestSupport/Python/prepare.sh "$name" || worst=77; done
  exit "$worst"
fi
name=$1
mkdir -p ".build/$name" && cd ".build/$name" || exit 77
folder=$PWD
export PIP_CACHE_DIR=$folder/pip PIP_DISABLE_PIP_VERSION_CHECK=1
give_up() { echo "no $name: $1"; exit 77; }
exec 9>.lock && flock -w 900 9 || give_up "another run makes it and does not end"

# What was made of these packages, and is whole, stands in `made`.
wanted() {
  packages=("$@")
  if [ -x python ] && [ "$(cat made 2>/dev/null)" = "${packages[*]}" ]; then exit 0; fi
}
ready() { echo "${packages[*]}" >made; exit 0; }
# Starts another file: through a link, Python would not find its environment.
starts() {
  printf '#!/bin/sh\nexec "%s" "$@"\n' "$1" >python
  chmod +x python
}

# venv MODULES PYTHON: an environment with the packages.
venv() {
  if ! venv/bin/python -c "import $1" 2>/dev/null; then
    command -v "$2" >/dev/null || give_up "there is no $2"
    "$2" -m venv venv 2>/dev/null || give_up "$2 makes no virtual environment"
    timeout 300 venv/bin/pip install --quiet "${packages[@]}" >install.log 2>&1 ||
      give_up "pip failed: $(tail -1 install.log)"
    venv/bin/python -c "import $1" || give_up "it does not load"
  fi
  starts "$folder/venv/bin/python"
}

# pybela's own tests are in its source package only.
own_tests() {
  [ -e tests/test.py ] && return
  local archive=${packages[0]/==/-}
  timeout 300 venv/bin/pip download --quiet --no-deps --no-binary :all: --dest source "${packages[0]}" >tests.log 2>&1 &&
    tar -xzf "source/$archive.tar.gz" -C source && rm -rf tests && mv "source/$archive/test" tests
}

# The client wants Python 3.12 or later. On Debian without one, unpacks that of the next release, with the libraries it
# needs, and installs nothing into the system.
official_client() {
  for interpreter in python3.13 python3.14 python3.12 python3; do
    if command -v "$interpreter" >/dev/null &&
      "$interpreter" -c 'import sys, venv; sys.exit(sys.version_info < (3, 12))' 2>/dev/null; then
      venv synnax "$interpreter"
      return
    fi
  done
  [ -x python ] && ./python -c "import synnax" 2>/dev/null && return
  grep -q '^ID=debian' /etc/os-release 2>/dev/null && command -v apt-get >/dev/null && command -v dpkg-deb >/dev/null ||
    give_up "it needs Python 3.12 or later"
  keys=/usr/share/keyrings/debian-archive-keyring.gpg
  [ -r "$keys" ] || give_up "it needs Python 3.12 or later, and Debian's keys are not there to fetch one"

  mkdir -p apt/lists/partial apt/cache/archives/partial root wheels
  echo "deb [signed-by=$keys] http://deb.debian.org/debian trixie main" >apt/sources.list
  options=(-qq -o Dir::Etc::sourcelist="$folder/apt/sources.list" -o Dir::Etc::sourceparts=/dev/null
    -o Dir::State::lists="$folder/apt/lists" -o Dir::Cache="$folder/apt/cache" -o APT::Sandbox::User=root)
  timeout 120 apt-get "${options[@]}" update >/dev/null 2>&1 || give_up "apt reaches nothing"
  (cd apt && timeout 300 apt-get "${options[@]}" download python3.13-minimal libpython3.13-minimal libpython3.13-stdlib \
    libc6 libgcc-s1 libstdc++6 libssl3t64 libzstd1 zlib1g libexpat1 libffi8 libbz2-1.0 liblzma5 libsqlite3-0 libuuid1 \
    libncursesw6 libtinfo6 libreadline8t64 libdb5.3t64 tzdata >/dev/null 2>&1) || give_up "apt has no Python 3.13"
  for package in apt/*.deb; do dpkg-deb -x "$package" root || give_up "cannot unpack $package"; done

  # The libraries are newer than the system's, so the program is started by its own loader.
  loader=$(find root -name 'ld-linux-*.so.*' | head -1)
  libraries=$(dirname "$(find "$folder/root" -name 'libc.so.6' | head -1)")
  cat >python <<WRAPPER
#!/bin/sh
export PYTHONHOME=$folder/root/usr PYTHONPATH=$folder/wheels PYTHONNOUSERSITE=1
exec $folder/$loader --argv0 $folder/python --library-path $libraries $folder/root/usr/bin/python3.13 "\$@"
WRAPPER
  chmod +x python
  timeout 120 python3 -m pip download --quiet --no-deps --dest pip-itself pip || give_up "pip reaches nothing"
  timeout 600 ./python "$(echo pip-itself/pip-*.whl)/pip" install --quiet --root-user-action ignore --target wheels \
    --only-binary=:all: "${packages[@]}" || give_up "pip reaches nothing"
  ./python -c "import synnax" || give_up "the client does not load"
}

case $name in
numpy) wanted numpy && venv numpy python3 ;;
readers) wanted junitparser==3.2.0 jsonschema==4.23.0 && venv "junitparser, jsonschema" python3 ;;
jupyter-clients) wanted jupyter_kernel_test==0.7.0 nbclient papermill nbconvert ipykernel &&
  venv "jupyter_kernel_test, nbclient, papermill, nbconvert" python3 ;;
jupyter) wanted nbformat==5.11.1 jupytext==1.19.6 && venv "nbformat, jupytext" python3 ;;
pybela) wanted pybela==2.0.3 && venv pybela python3 && { own_tests || exit 0; } ;;
official-client) wanted synnax==0.60.0 && official_client ;;
*) give_up "not known here" ;;
esac
ready
