#!/usr/bin/env bash
# Installs the Debian package on a clean Debian of this machine's release, uses it, and takes it away: deb.sh PACKAGE.deb [MODEL].
# Needs root (or sudo), mmdebstrap, and the network for the packages that this one depends on.
set -euo pipefail

fail() { echo "deb.sh: $1" >&2; exit 1; }

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
package=$(realpath "${1:?deb.sh PACKAGE.deb [MODEL]}")
model=$(realpath "${2:-$here/../../Examples/wren-7m}")
[ -f "$package" ] || fail "$package is not there: make deb"
command -v mmdebstrap >/dev/null || fail "no mmdebstrap: apt-get install mmdebstrap"
if [ -z "${CAPLET_OWN_MOUNTS:-}" ]; then
    # Mounts end with this process, however it ends.
    enter=(unshare --mount env CAPLET_OWN_MOUNTS=1 "$0" "$package" "$model")
    [ "$(id -u)" -eq 0 ] || enter=(sudo --preserve-env "${enter[@]}")
    exec "${enter[@]}"
fi

work=$(mktemp -d)
trap 'umount -q "$work"/root/proc || true; rm -rf --one-file-system "$work"' EXIT
root=$work/root

# The release, and the mirrors that this machine takes Debian's packages from.
suite=$(. /etc/os-release && echo "$VERSION_CODENAME")
apt-get indextargets --format 'deb $(REPO_URI) $(CODENAME) $(COMPONENT) $(ORIGIN)' 'Created-By: Packages' \
    | sed -n "s/ Debian$//p" | grep " $suite" | sort -u > "$work/sources.list"
[ -s "$work/sources.list" ] || fail "apt knows no Debian mirror of $suite: apt-get update"
mmdebstrap --quiet --mode=root --variant=minbase "$suite" "$root" - < "$work/sources.list"
cp -L /etc/resolv.conf "$root/etc/resolv.conf"
mount -t proc proc "$root/proc"

# Commands in the clean system, without what this one's environment says; proxies apart.
inside() {
    chroot "$root" env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root LC_ALL=C.UTF-8 DEBIAN_FRONTEND=noninteractive \
        ${http_proxy:+http_proxy="$http_proxy"} ${https_proxy:+https_proxy="$https_proxy"} "$@"
}
# Everything but what apt and dpkg note for themselves.
files() { (cd "$root" && find . -xdev \( -path ./proc -o -path ./tmp -o -path ./var \) -prune -o -print | sort); }

mkdir "$root/tmp/work"
cp -r "$model" "$root/tmp/work/model"
cp "$package" "$root/tmp/caplet.deb"
files > "$work/before"
# The lists of packages are not in a clean root.
inside apt-get update > "$work/log" 2>&1 || { cat "$work/log" >&2; fail "apt does not reach its mirrors"; }
inside apt-get install -y --no-install-recommends /tmp/caplet.deb > "$work/log" 2>&1 || { cat "$work/log" >&2; fail "apt does not install it"; }

expected=$(dpkg-deb --field "$package" Version)
version=$(inside caplet --version) || fail "caplet --version does not run"
[ "${version%% *}" = "$expected" ] || fail "caplet --version says '$version', the package is $expected"
for file in man/man1/caplet.1 bash-completion/completions/caplet zsh/site-functions/_caplet fish/vendor_completions.d/caplet.fish \
    doc/caplet/copyright; do
    [ -s "$root/usr/share/$file" ] || fail "/usr/share/$file is not there, or empty"
done
grep -q '^\.TH CAPLET 1' "$root/usr/share/man/man1/caplet.1" || fail "the manual page has no title"
for verb in convert compress run chat; do
    grep -q "$verb" "$root/usr/share/man/man1/caplet.1" || fail "the manual page does not name '$verb'"
done
bash -n "$root/usr/share/bash-completion/completions/caplet" || fail "bash does not read its completions"

# What reads, writes, and needs the linear algebra, which is loaded when it is called.
inside sh -euc 'cd /tmp/work
    caplet convert model -o model.gguf --dtype q8_0 -q
    caplet compress model -o small.caplet --pipeline "truncated-svd{keep=0.5 whiten=false}" -q
    caplet verify small.caplet
    caplet run small.caplet --prompt "The people" --max-tokens 4 --temperature 0' > "$work/log" 2>&1 || { cat "$work/log" >&2; fail "a command failed"; }
[ "$(head -c 4 "$root/tmp/work/model.gguf")" = GGUF ] || fail "convert wrote no GGUF file"

inside apt-get purge -y --auto-remove caplet > "$work/log" 2>&1 || { cat "$work/log" >&2; fail "apt does not remove it"; }
files > "$work/after"
diff "$work/before" "$work/after" || fail "after its removal these files differ"
if inside dpkg-query -W caplet > /dev/null 2>&1; then fail "dpkg still knows it"; fi
left=$(find "$root/var" -name '*caplet*' -not -path '*/cache/*')
[ -z "$left" ] || fail "left behind: $left"
echo "$(basename "$package"): installed, used and removed on a clean $suite"
