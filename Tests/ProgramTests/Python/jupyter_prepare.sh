#!/usr/bin/env bash
# jupyter_prepare.sh FOLDER: makes FOLDER/venv with Jupyter's own test suite of kernels and its clients. Says why and ends
# with 77 where they cannot be had.
set -u
folder=$1
mkdir -p "$folder" && cd "$folder" || exit 77
give_up() { echo "no Jupyter: $1"; exit 77; }
load="import jupyter_kernel_test, nbclient, papermill, nbconvert"
[ -x venv/bin/python ] && venv/bin/python -c "$load" 2>/dev/null && exit
export PIP_CACHE_DIR=$folder/pip PIP_DISABLE_PIP_VERSION_CHECK=1
command -v python3 >/dev/null || give_up "there is no python3"
python3 -m venv venv 2>/dev/null || give_up "python3 makes no virtual environment"
timeout 300 venv/bin/pip install --quiet "jupyter_kernel_test==0.7.0" "jupyter_client<9" "nbclient<1" "papermill<3" \
  "nbconvert<8" ipykernel >install.log 2>&1 || give_up "pip failed: $(tail -1 install.log)"
venv/bin/python -c "$load" || give_up "they do not load"
