// swift-tools-version: 6.0
import PackageDescription

let package = Package(
    name: "library-example",
    dependencies: [.package(name: "caplet", path: "../..")],
    targets: [
        .executableTarget(name: "LibraryExample", dependencies: [.product(name: "Caplet", package: "caplet")], path: "Sources")
    ]
)
