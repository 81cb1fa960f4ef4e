// swift-tools-version: 6.0
import PackageDescription

/// A Swift target of the package; every one of them speaks the Swift 5 language mode.
func target(_ name: String, _ dependencies: [Target.Dependency], path: String? = nil, exclude: [String] = []) -> Target {
    .target(
        name: name, dependencies: dependencies, path: path, exclude: exclude,
        swiftSettings: [.swiftLanguageMode(.v5)])
}

func test(_ name: String, _ dependencies: [Target.Dependency], exclude: [String] = []) -> Target {
    .testTarget(
        name: name, dependencies: dependencies, exclude: exclude,
        swiftSettings: [.swiftLanguageMode(.v5)])
}

func systemLibrary(_ name: String, pkgConfig: String, apt: String) -> Target {
    .systemLibrary(name: name, pkgConfig: pkgConfig, providers: [.apt([apt])])
}

let package = Package(
    name: "caplet",
    products: [],
    dependencies: [
        .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.2"),
        .package(url: "https://github.com/apple/swift-log", from: "1.16.2"),
    ],
    targets: [
        systemLibrary("COpenBLAS", pkgConfig: "openblas", apt: "libopenblas-dev"),
        systemLibrary("CZstd", pkgConfig: "libzstd", apt: "libzstd-dev"),
        systemLibrary("CZlib", pkgConfig: "zlib", apt: "zlib1g-dev"),
        systemLibrary("CXXHash", pkgConfig: "libxxhash", apt: "libxxhash-dev"),
        .target(name: "CKernels"),
        target("Execution", []),
        target("LinearAlgebra", ["COpenBLAS", "CKernels"]),
        target("ModelGraph", ["CKernels", "LinearAlgebra"]),
        target("FormatKit", ["Execution", "ModelGraph"]),
        target("Architectures", ["FormatKit", "ModelGraph"]),
        target("PassKit", ["Execution", "LinearAlgebra", "ModelGraph"]),
        target("TransformerModel", ["Architectures", "CKernels", "Execution", "LinearAlgebra", "ModelGraph"]),
        target("Calibration", ["PassKit", "TransformerModel"]),
        target("RPCA", ["CKernels", "PassKit"], path: "Plugins/RPCA"),
        target("MagnitudePruning", ["PassKit"], path: "Plugins/MagnitudePruning"),
        target("PostTrainingQuantization", ["PassKit"], path: "Plugins/PostTrainingQuantization"),
        target("ProbabilisticPruning", ["CKernels", "PassKit"], path: "Plugins/ProbabilisticPruning"),
        target("SafetensorsFormat", ["FormatKit"], path: "formats/safetensors", exclude: ["SPEC.md"]),
        target(
            "CapletFormat", ["CKernels", "CXXHash", "CZstd", "FormatKit"], path: "formats/caplet", exclude: ["SPEC.md", "NOTES.md"]),
        target("TestSupport", ["FormatKit"], path: "Tests/TestSupport"),
        test("SafetensorsFormatTests", ["SafetensorsFormat", "TestSupport"]),
        test("CapletFormatTests", ["CapletFormat", "TestSupport"]),
        target("Tokenization", []),
        test("TokenizationTests", ["Tokenization"]),
    ]
)
