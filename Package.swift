// swift-tools-version: 6.0
import PackageDescription

/// A Swift target of the package, in the Swift 5 language mode where it does not say another.
func target(
    _ name: String, _ dependencies: [Target.Dependency], path: String? = nil, exclude: [String] = [], mode: SwiftLanguageMode = .v5
) -> Target {
    .target(
        name: name, dependencies: dependencies, path: path, exclude: exclude,
        swiftSettings: [.swiftLanguageMode(mode)])
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
    products: [
        .executable(name: "caplet", targets: ["CommandLineTool"]),
        .executable(name: "caplet-demo", targets: ["Demo"]),
        .executable(name: "caplet-work", targets: ["Work"]),
        .library(name: "CCapletPlugin", targets: ["CCapletPlugin"]),
        .library(name: "CapletRuntime", targets: ["CapletRuntime"]),
    ],
    dependencies: [
        .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.2"),
        .package(url: "https://github.com/apple/swift-log", from: "1.16.2"),
    ],
    targets: [
        systemLibrary("CZstd", pkgConfig: "libzstd", apt: "libzstd-dev"),
        systemLibrary("CZlib", pkgConfig: "zlib", apt: "zlib1g-dev"),
        systemLibrary("CNettle", pkgConfig: "nettle", apt: "nettle-dev"),
        systemLibrary("CXXHash", pkgConfig: "libxxhash", apt: "libxxhash-dev"),
        .target(name: "CFileSystem"),
        .target(name: "CMapping"),
        .target(name: "CAllocation", dependencies: ["CProcess"]),
        .target(name: "CKernels"),
        .target(name: "COpenBLAS"),
        .target(name: "CProcess"),
        .target(name: "CCapletPlugin"),
        target("CLibrary", [], mode: .v6),
        target("Execution", ["CLibrary"], mode: .v6),
        target("LinearAlgebra", ["COpenBLAS", "CKernels", "Execution"]),
        target("ModelGraph", ["CKernels", "CLibrary", "CMapping", "Execution", "LinearAlgebra"], mode: .v6),
        target("StrictJSON", [], mode: .v6),
        target("FormatKit", ["CFileSystem", "CLibrary", "CNettle", "CXXHash", "Execution", "ModelGraph", "StrictJSON"], mode: .v6),
        target("Architectures", ["CLibrary", "FormatKit", "ModelGraph", "StrictJSON"], mode: .v6),
        target("PassKit", ["Execution", "LinearAlgebra", "ModelGraph"]),
        target("TransformerModel", ["Architectures", "CKernels", "CLibrary", "Execution", "LinearAlgebra", "ModelGraph", "Tokenization"]),
        target("Calibration", ["Execution", "LinearAlgebra", "ModelGraph", "PassKit", "StrictJSON", "Tokenization", "TransformerModel"]),
        target("LowRankAdapters", ["Execution", "FormatKit", "LinearAlgebra", "ModelGraph", "SafetensorsFormat", "StrictJSON"], mode: .v6),
        target("LayerwiseCompression", ["Execution", "LinearAlgebra", "ModelGraph", "PassKit"]),
        target("OATS", ["Execution", "LayerwiseCompression", "LinearAlgebra", "ModelGraph", "PassKit"], path: "Plugins/OATS"),
        target("SparseGPT", ["Execution", "LayerwiseCompression", "LinearAlgebra", "ModelGraph", "PassKit"], path: "Plugins/SparseGPT"),
        target("TruncatedSVD", ["LayerwiseCompression", "LinearAlgebra", "ModelGraph", "PassKit"], path: "Plugins/TruncatedSVD"),
        target("Wanda", ["LayerwiseCompression", "LinearAlgebra", "ModelGraph", "PassKit"], path: "Plugins/Wanda"),
        target("Refit", ["Execution", "LinearAlgebra", "ModelGraph", "PassKit"], path: "Plugins/Refit"),
        target("RPCA", ["CKernels", "Execution", "LinearAlgebra", "ModelGraph", "PassKit"], path: "Plugins/RPCA"),
        target("MagnitudePruning", ["LinearAlgebra", "ModelGraph", "PassKit"], path: "Plugins/MagnitudePruning"),
        target(
            "PostTrainingQuantization", ["CKernels", "Execution", "LinearAlgebra", "ModelGraph", "PassKit"],
            path: "Plugins/PostTrainingQuantization"),
        target(
            "ProbabilisticPruning", ["CKernels", "Execution", "LinearAlgebra", "ModelGraph", "PassKit"],
            path: "Plugins/ProbabilisticPruning"),
        target(
            "SafetensorsFormat", ["Execution", "FormatKit", "ModelGraph", "StrictJSON"], path: "formats/safetensors", exclude: ["SPEC.md"],
            mode: .v6),
        target(
            "CapletFormat", ["CKernels", "CLibrary", "CXXHash", "CZstd", "Execution", "FormatKit", "ModelGraph", "StrictJSON"],
            path: "formats/caplet", exclude: ["SPEC.md", "NOTES.md", "reference"], mode: .v6),
        target(
            "CapletRuntime",
            [
                "Architectures", "CapletFormat", "CLibrary", "Execution", "FormatKit", "LinearAlgebra", "ModelGraph", "StrictJSON",
                "Tokenization", "TransformerModel",
            ]),
        target("ZipContainer", ["CZlib", "FormatKit", "ModelGraph"], mode: .v6),
        target(
            "PyTorchFormat", ["FormatKit", "ModelGraph", "StrictJSON", "ZipContainer"], path: "formats/pytorch", exclude: ["SPEC.md"],
            mode: .v6),
        target(
            "NPYFormat", ["Execution", "FormatKit", "ModelGraph", "ZipContainer"], path: "formats/npy", exclude: ["SPEC.md"], mode: .v6),
        target(
            "GGUFFormat",
            ["Architectures", "CKernels", "Execution", "FormatKit", "LinearAlgebra", "ModelGraph", "StrictJSON", "Tokenization"],
            path: "formats/gguf", exclude: ["SPEC.md"], mode: .v6),
        target(
            "PluginLoading",
            ["CCapletPlugin", "CProcess", "Execution", "FormatKit", "LayerwiseCompression", "LinearAlgebra", "ModelGraph", "PassKit"],
            mode: .v6),
        target("Conformance", ["Execution", "FormatKit", "LinearAlgebra", "ModelGraph", "PassKit"], mode: .v6),
        target(
            "TestSupport", ["Conformance", "Execution", "FormatKit", "LinearAlgebra", "ModelGraph", "PassKit"], path: "Tests/TestSupport"),
        test(
            "GGUFFormatTests",
            ["Architectures", "Execution", "FormatKit", "GGUFFormat", "LinearAlgebra", "ModelGraph", "SafetensorsFormat", "TestSupport"]),
        test(
            "CommandLineToolTests",
            [
                "BuiltIns", "CommandLineTool", "Execution", "FormatKit", "Generate", "ModelGraph", "PassKit", "SafetensorsFormat",
                "TestSupport",
            ]),
        test(
            "CapletRuntimeTests",
            [
                "CapletFormat", "CapletRuntime", "Execution", "FormatKit", "ModelGraph", "PostTrainingQuantization", "RPCA",
                "SafetensorsFormat", "TestSupport", "Tokenization", "TransformerModel",
            ]),
        test("FormatKitTests", ["Execution", "FormatKit", "ModelGraph", "TestSupport"]),
        test("NPYFormatTests", ["Execution", "FormatKit", "ModelGraph", "NPYFormat", "TestSupport", "ZipContainer"]),
        test("PyTorchFormatTests", ["FormatKit", "ModelGraph", "PyTorchFormat", "SafetensorsFormat", "TestSupport"]),
        test("SafetensorsFormatTests", ["Execution", "FormatKit", "ModelGraph", "SafetensorsFormat", "StrictJSON", "TestSupport"]),
        test("CapletFormatTests", ["CapletFormat", "Execution", "FormatKit", "LinearAlgebra", "ModelGraph", "TestSupport"]),
        target("Tokenization", ["StrictJSON"], mode: .v6),
        target(
            "BuiltIns",
            [
                "CapletFormat", "FormatKit", "GGUFFormat", "MagnitudePruning", "ModelGraph", "NPYFormat", "OATS", "PassKit",
                "PluginLoading", "PostTrainingQuantization", "ProbabilisticPruning", "PyTorchFormat", "Refit", "RPCA", "SafetensorsFormat",
                "SparseGPT", "TruncatedSVD", "Wanda",
            ], mode: .v6),
        .executableTarget(
            name: "Generate", dependencies: ["CapletRuntime"], path: "Examples/Generate", swiftSettings: [.swiftLanguageMode(.v5)]),
        .executableTarget(name: "Demo", path: "Examples/Demo", swiftSettings: [.swiftLanguageMode(.v5)]),
        .executableTarget(
            name: "Work",
            dependencies: [
                "Architectures", "BuiltIns", "Calibration", "Execution", "FormatKit", "LinearAlgebra", "ModelGraph", "PassKit", "RPCA",
                "TransformerModel",
            ], path: "Benchmarks/Work",
            swiftSettings: [.swiftLanguageMode(.v5)]),
        .executableTarget(
            name: "CommandLineTool",
            dependencies: [
                "Architectures", "BuiltIns", "Calibration", "CAllocation", "CapletFormat", "CapletRuntime", "Conformance", "CProcess",
                "Execution", "FormatKit", "GGUFFormat", "LinearAlgebra", "LowRankAdapters", "ModelGraph", "PassKit", "PluginLoading",
                "StrictJSON", "Tokenization", "TransformerModel", .product(name: "ArgumentParser", package: "swift-argument-parser"),
                .product(name: "Logging", package: "swift-log"),
            ],
            swiftSettings: [.swiftLanguageMode(.v5)]),
        test("CKernelsTests", ["TestSupport"], exclude: ["Driver"]),
        test("ExecutionTests", ["Execution"]),
        test("LinearAlgebraTests", ["Execution", "LinearAlgebra", "TestSupport"]),
        test("ModelGraphTests", ["Execution", "LinearAlgebra", "ModelGraph", "TestSupport"]),
        test("PassKitTests", ["Conformance", "Execution", "LinearAlgebra", "ModelGraph", "PassKit"]),
        test("RPCATests", ["LinearAlgebra", "ModelGraph", "RPCA", "TestSupport"]),
        test("MagnitudePruningTests", ["MagnitudePruning", "ModelGraph", "PassKit", "TestSupport"]),
        test("LayerwiseCompressionTests", ["LayerwiseCompression", "LinearAlgebra", "ModelGraph", "TestSupport", "Wanda"]),
        test(
            "RefitTests",
            [
                "Execution", "LinearAlgebra", "MagnitudePruning", "ModelGraph", "PassKit", "PostTrainingQuantization", "Refit", "RPCA",
                "TestSupport",
            ]),
        test("OATSTests", ["LayerwiseCompression", "LinearAlgebra", "ModelGraph", "OATS", "PassKit", "TestSupport"]),
        test("SparseGPTTests", ["Execution", "LinearAlgebra", "ModelGraph", "PassKit", "SparseGPT", "TestSupport"]),
        test("TruncatedSVDTests", ["LinearAlgebra", "ModelGraph", "PassKit", "TestSupport", "TruncatedSVD"]),
        test("WandaTests", ["LinearAlgebra", "ModelGraph", "PassKit", "TestSupport", "Wanda"]),
        test(
            "PostTrainingQuantizationTests",
            [
                "CapletFormat", "Execution", "FormatKit", "LinearAlgebra", "ModelGraph", "PassKit", "PostTrainingQuantization", "RPCA",
                "TestSupport",
            ]),
        test("ProbabilisticPruningTests", ["LinearAlgebra", "ModelGraph", "PassKit", "ProbabilisticPruning", "RPCA", "TestSupport"]),
        test(
            "TransformerModelTests",
            [
                "Architectures", "Calibration", "CKernels", "Execution", "FormatKit", "LinearAlgebra", "ModelGraph", "RPCA",
                "SafetensorsFormat", "TestSupport", "Tokenization", "TransformerModel",
            ]),
        test(
            "CalibrationTests",
            [
                "Architectures", "Calibration", "Execution", "FormatKit", "LinearAlgebra", "ModelGraph", "PassKit", "SafetensorsFormat",
                "TestSupport", "TransformerModel",
            ]),
        test("StrictJSONTests", ["StrictJSON"]),
        test("TokenizationTests", ["StrictJSON", "TestSupport", "Tokenization"]),
    ]
)
