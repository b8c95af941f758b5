# SPDX-FileCopyrightText: The flwrcpp authors
# SPDX-License-Identifier: Apache-2.0

# Sourced by quickstart and run_tests: installs what is missing and builds. Expects to be in the
# root of the checkout.

log_folder=build/logs

fail() {
  printf '%s: error: %s\n' "$(basename "$0")" "$1" >&2
  exit 1
}

# run_logged NAME COMMAND...: the command's output goes to a log; on failure its end is shown.
run_logged() {
  local name=$1
  shift
  mkdir -p "$log_folder"
  if ! "$@" > "$log_folder/$name.log" 2>&1; then
    tail -n 30 "$log_folder/$name.log" >&2
    fail "$name failed; the whole output is in $log_folder/$name.log"
  fi
}

missing_packages() {
  local package
  grep -v '^#' apt-packages.txt | while read -r package; do
    dpkg-query -W -f='${db:Status-Status}' "$package" 2> /dev/null | grep -qx installed ||
      printf '%s\n' "$package"
  done
}

install_packages() {
  command -v dpkg-query > /dev/null ||
    fail "this script knows Debian only; install what apt-packages.txt lists by hand, then use cmake --preset release"
  local missing
  missing=$(missing_packages)
  [ -n "$missing" ] || return 0
  local root=()
  if [ "$(id -u)" -ne 0 ]; then
    command -v sudo > /dev/null ||
      fail "these packages are missing and neither root nor sudo is there to install them: $missing"
    root=(sudo)
  fi
  printf 'Installing %s packages …\n' "$(printf '%s\n' "$missing" | wc -l)"
  run_logged apt-update "${root[@]}" apt-get update
  # shellcheck disable=SC2086  # one package a word
  run_logged apt-install "${root[@]}" env DEBIAN_FRONTEND=noninteractive \
    apt-get install -y --no-install-recommends $missing
}

# build_preset PRESET [FOLDER]...: configures once, then builds all or what is in the folders; quick when nothing changed.
build_preset() {
  local preset=$1
  shift
  local targets=("${@/%//all}")
  export CCACHE_BASEDIR=$PWD CCACHE_NOHASHDIR=1
  if [ ! -f "build/$preset/build.ninja" ]; then
    printf 'Configuring %s …\n' "$preset"
    run_logged "configure-$preset" cmake --preset "$preset"
  fi
  if ! ninja -C "build/$preset" -n "${targets[@]}" 2> /dev/null | grep -q 'no work to do'; then
    printf 'Building %s (up to half an hour the first time) …\n' "$preset"
  fi
  run_logged "build-$preset" cmake --build --preset "$preset" ${targets:+--target "${targets[@]}"}
}
