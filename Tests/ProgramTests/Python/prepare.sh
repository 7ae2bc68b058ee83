#!/usr/bin/env bash
# prepare.sh FOLDER: makes FOLDER/venv with real readers of JUnit and JSON Schema. Says why and ends with 77 where they
# cannot be had.
set -u
folder=$1
mkdir -p "$folder" && cd "$folder" || exit 77
give_up() { echo "no readers of JUnit and JSON Schema: $1"; exit 77; }
load="import junitparser, jsonschema"
[ -x venv/bin/python ] && venv/bin/python -c "$load" 2>/dev/null && exit
export PIP_CACHE_DIR=$folder/pip PIP_DISABLE_PIP_VERSION_CHECK=1
command -v python3 >/dev/null || give_up "there is no python3"
python3 -m venv venv 2>/dev/null || give_up "python3 makes no virtual environment"
timeout 300 venv/bin/pip install --quiet "junitparser==3.2.0" "jsonschema==4.23.0" >install.log 2>&1 ||
  give_up "pip failed: $(tail -1 install.log)"
venv/bin/python -c "$load" || give_up "they do not load"
