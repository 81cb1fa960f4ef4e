// swift-tools-version: 6.0
import PackageDescription

/// A plugin in C with a format: MXNet's .params files. `swift build -c release` makes libMXNetFormat.so; so does `make`, without SwiftPM.
let package = Package(
    name: "MXNetFormat",
    products: [.library(name: "MXNetFormat", type: .dynamic, targets: ["MXNetFormat"])],
    dependencies: [.package(name: "caplet", path: "../..")],
    targets: [
        .target(
            name: "MXNetFormat", dependencies: [.product(name: "CCapletPlugin", package: "caplet")], publicHeadersPath: ".",
            cSettings: [.define("_GNU_SOURCE")])
    ]
)
