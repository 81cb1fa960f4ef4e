// swift-tools-version: 6.0
import PackageDescription

/// A plugin in Swift with a pass. `swift build -c release` makes libSpectralSplit.so.
let package = Package(
    name: "SpectralSplit",
    products: [.library(name: "SpectralSplit", type: .dynamic, targets: ["SpectralSplit"])],
    dependencies: [.package(name: "caplet", path: "../..")],
    targets: [
        .target(name: "SpectralSplit", dependencies: [.product(name: "CCapletPlugin", package: "caplet")])
    ]
)
