#!/usr/bin/env bash
# Installs the Debian packages and the pinned wheels that Millrace needs. It prints what it will install and, on a
# terminal, asks first. It does nothing if nothing is missing. `check` installs nothing: it names the
# libraries that the compiler will not find, and the command that installs them.   usage: setup.sh build|test|check|list
set -euo pipefail
cd "$(dirname "$0")/.."
mode=${1:-build}
libraries=(librdkafka-dev libopenblas-dev libsqlite3-dev libcmark-gfm-dev libcmark-gfm-extensions-dev
  libmicrohttpd-dev libyaml-dev libssl-dev libcurl4-openssl-dev libhiredis-dev libxml2-dev libuchardet-dev
  libzstd-dev liblz4-dev zlib1g-dev libicu-dev libstemmer-dev libcld2-dev libseccomp-dev libgumbo-dev
  libzip-dev pkg-config)
packages=("${libraries[@]}" poppler-utils redis-server python3-venv)
[ "$mode" = check ] && packages=("${libraries[@]}")
# For the Dockerfile: everything but redis-server, which only `millrace up` needs.
[ "$mode" = list ] && { echo "${packages[@]/redis-server/}"; exit 0; }
[ "$mode" = test ] && packages+=(kcat protobuf-compiler redis-tools curl prometheus tesseract-ocr)
requirements=(scripts/requirements.txt)
[ "$mode" = test ] && requirements+=(scripts/requirements-test.txt)

missing=()
for package in "${packages[@]}"; do
  dpkg-query -W -f '${Status}' "$package" 2>/dev/null | grep -q 'ok installed' || missing+=("$package")
done
# A python3 that is not Debian's, for example pyenv's, already contains venv.
python3 -c 'import venv, ensurepip' 2>/dev/null && missing=("${missing[@]/python3-venv/}")
read -ra missing <<<"${missing[*]:-}"
stamp=.venv/.installed-$mode
wheels=$(cat "${requirements[@]}" | sha256sum | cut -d' ' -f1)
need_wheels=no
[ -f "$stamp" ] && [ "$(cat "$stamp")" = "$wheels" ] || need_wheels=yes

command -v swift >/dev/null || {
  echo "setup: swift is missing: install Swift 6.3 from https://www.swift.org/install/linux/" >&2
  exit 1
}
if [ "$mode" = check ]; then
  # Without dpkg, missing packages can't be found here. The compiler will name what it lacks.
  command -v dpkg-query >/dev/null || exit 0
  [ ${#missing[@]} -eq 0 ] && exit 0
  sudo=$([ "$(id -u)" -eq 0 ] || echo "sudo ")
  echo "these libraries are missing: ${missing[*]}" >&2
  echo "install them with:  make setup   (or: ${sudo}apt-get install ${missing[*]})" >&2
  exit 1
fi
if [ ${#missing[@]} -eq 0 ] && [ $need_wheels = no ]; then exit 0; fi

as_root=()
[ "$(id -u)" -eq 0 ] || as_root=(sudo)
echo "setup: this will be installed (tested on Debian 12, x86-64):"
if [ ${#missing[@]} -gt 0 ]; then
  echo "  ${as_root[*]:-} apt-get install -y --no-install-recommends ${missing[*]}"
fi
if [ $need_wheels = yes ]; then
  echo "  into .venv of this checkout, from PyPI, with checked hashes:"
  grep -h '==' "${requirements[@]}" | sed 's/^/    /'
fi
if [ -t 0 ] && [ -z "${CI:-}" ]; then
  read -r -p "setup: continue? [Y/n] " answer
  case "$answer" in [nN]*) echo "setup: nothing was installed"; exit 1 ;; esac
fi
if [ ${#missing[@]} -gt 0 ]; then
  echo "setup: apt-get update"
  "${as_root[@]}" apt-get update -qq
  echo "setup: apt-get install ${missing[*]}"
  DEBIAN_FRONTEND=noninteractive "${as_root[@]}" \
    apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null
fi
if [ $need_wheels = yes ]; then
  [ -x .venv/bin/pip ] || { echo "setup: python3 -m venv .venv"; python3 -m venv .venv; }
  for file in "${requirements[@]}"; do
    echo "setup: pip install -r $file"
    .venv/bin/pip install -q --disable-pip-version-check --no-deps --require-hashes -r "$file"
  done
  echo "$wheels" > "$stamp"
fi
echo "setup: done"
