#!/usr/bin/env bash
# prepare.sh FOLDER: makes FOLDER/python, an interpreter that has the official Synnax client, and says its version.
# Uses a Python of 3.12 or later that is there; on Debian without one, unpacks that of the next release into FOLDER,
# with the libraries it needs, and installs nothing into the system. Says why and ends with 77 when neither works.
set -u
folder=$1
version=0.60.0
mkdir -p "$folder" && cd "$folder" || exit 77
folder=$PWD
[ -x python ] && ./python -c "import synnax" 2>/dev/null && exec ./python --version

give_up() { echo "no official client: $1"; exit 77; }
export PIP_CACHE_DIR=$folder/pip PIP_DISABLE_PIP_VERSION_CHECK=1

for name in python3.13 python3.14 python3.12 python3; do
  if command -v "$name" >/dev/null && "$name" -c 'import sys, venv; sys.exit(sys.version_info < (3, 12))' 2>/dev/null; then
    "$name" -m venv venv || give_up "$name makes no virtual environment"
    timeout 300 venv/bin/pip install --quiet "synnax==$version" || give_up "pip reaches nothing"
    ln -sf venv/bin/python python
    exec ./python --version
  fi
done

grep -q '^ID=debian' /etc/os-release 2>/dev/null && command -v apt-get >/dev/null && command -v dpkg-deb >/dev/null \
  || give_up "it needs Python 3.12 or later"
keys=/usr/share/keyrings/debian-archive-keyring.gpg
[ -r "$keys" ] || give_up "it needs Python 3.12 or later, and Debian's keys are not there to fetch one"

mkdir -p apt/lists/partial apt/cache/archives/partial root wheels
echo "deb [signed-by=$keys] http://deb.debian.org/debian trixie main" > apt/sources.list
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
cat > python <<WRAPPER
#!/bin/sh
export PYTHONHOME=$folder/root/usr PYTHONPATH=$folder/wheels PYTHONNOUSERSITE=1
exec $folder/$loader --argv0 $folder/python --library-path $libraries $folder/root/usr/bin/python3.13 "\$@"
WRAPPER
chmod +x python
timeout 120 python3 -m pip download --quiet --no-deps --dest pip-itself pip || give_up "pip reaches nothing"
timeout 600 ./python "$(echo pip-itself/pip-*.whl)/pip" install --quiet --root-user-action ignore --target wheels --only-binary=:all: \
  "synnax==$version" || give_up "pip reaches nothing"
./python -c "import synnax" || give_up "the client does not load"
exec ./python --version
