#!/usr/bin/env bash
#
# Installs what Lapwing is built and tested with and this machine lacks.
#
#   setup.sh build    C and C++ compilers, make, perl, pkg-config, openssl, python3 with venv; checks Rust, which rustup
#                     installs better
#   setup.sh kafka    Java 17 or newer, Maven and ps, for the tests against a real Apache Kafka
#   setup.sh          both
#
# On Debian and Ubuntu the missing packages are installed with apt-get (through sudo when not root). Elsewhere they are
# listed. Where all is there it changes nothing. Exits 0 when nothing is missing in the end, else 1 (64: wrong use).

set -euo pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)

say() { printf 'setup: %s\n' "$@"; }

has() { command -v "$1" >/dev/null; }

# The Debian packages that a group lacks, one a line; their names tell other systems what is needed just as well.
missing_packages() { # GROUP
    case $1 in
        build)
            local tool
            for tool in gcc g++ make pkg-config openssl python3; do
                has "$tool" || echo "$tool"
            done
            # The tests' environments (venv.sh); Debian has the module apart from python3.
            python3 -c 'import ensurepip, venv' 2>/dev/null || echo python3-venv
            # Debian's perl-base has the command without the modules that the build of OpenSSL uses.
            perl -MFindBin -MIPC::Cmd -MFile::Compare -MTime::Piece -e 1 2>/dev/null || echo perl
            ;;
        kafka)
            java_is_recent || echo java
            has mvn || echo maven
            has ps || echo procps
            ;;
    esac
}

java_is_recent() {
    has java || return 1
    local major
    major=$(java -version 2>&1 | sed -n 's/.* version "\([0-9]*\).*/\1/p' | head -n 1)
    [ "${major:-0}" -ge 17 ]
}

# Which Java a release of Debian or Ubuntu has differs, and its default one may be older than 17.
java_package() {
    local version
    for version in 17 21 25; do
        if apt-cache show "openjdk-$version-jre-headless" >/dev/null 2>&1; then
            echo "openjdk-$version-jre-headless"
            return
        fi
    done
    echo default-jre-headless
}

as_root() {
    if [ "$(id -u)" -eq 0 ]; then
        "$@"
    elif has sudo; then
        sudo "$@"
    else
        say "root is needed and sudo was not found; run this as root: $*" >&2
        return 1
    fi
}

install_packages() { # PACKAGE...
    as_root apt-get update -qq
    local package packages=""
    for package in "$@"; do
        [ "$package" != java ] || package=$(java_package)
        packages="$packages $package"
    done
    say "installing$packages"
    # shellcheck disable=SC2086 # a list of package names
    as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $packages
}

# Rust is not installed here: which of its installations to use and to update is its user's choice.
check_rust() {
    local wanted found
    wanted=$(sed -n 's/^rust-version = "\(.*\)"/\1/p' "$root/Cargo.toml")
    if ! has cargo; then
        say "cargo was not found: install Rust $wanted or newer with rustup, https://rustup.rs" >&2
        return 1
    fi
    found=$(cargo --version | cut -d ' ' -f 2)
    if [ "$(printf '%s\n' "$wanted" "$found" | sort -V | head -n 1)" != "$wanted" ]; then
        say "cargo is version $found, Lapwing needs $wanted or newer: run rustup update" >&2
        return 1
    fi
}

set_up() { # GROUP
    local missing
    missing=$(missing_packages "$1")
    if [ -n "$missing" ] && has apt-get; then
        # shellcheck disable=SC2086 # a list of package names
        install_packages $missing
        missing=$(missing_packages "$1")
    fi
    if [ -n "$missing" ]; then
        say "missing for $1: $(echo "$missing" | paste -s -d ' ' -)" \
            "install these, which are named as Debian's packages are; java has to be version 17 or newer" >&2
        return 1
    fi
    [ "$1" != build ] || check_rust
    say "all that $1 needs is installed"
}

[ $# -gt 0 ] || set -- build kafka
for group in "$@"; do
    case $group in
        build | kafka) set_up "$group" ;;
        *)
            say "unknown group '$group'; use build, kafka, or none for both" >&2
            exit 64
            ;;
    esac
done
