#!/usr/bin/env bash
# Links libcaplet-c.so of what `swift build --product caplet-c` has built: link.sh BUILD-FOLDER OUTPUT [-static-stdlib]
# SwiftPM's own shared libraries are not linked with the static runtime, and show every symbol; this one shows what caplet.h declares.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
read -ra libraries < <(pkg-config --libs libzstd zlib libxxhash nettle)
swiftc -emit-library -module-name caplet_c "${@:3}" -o "$2" "@$1/caplet-c.product/Objects.LinkFileList" "${libraries[@]}" \
    -Xlinker --gc-sections -Xlinker --strip-all -Xlinker "--version-script=$here/exports.map"
