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
        target("Execution", []),
        target("LinearAlgebra", ["COpenBLAS", "CKernels", "Execution"]),
        target("ModelGraph", ["CKernels", "CMapping", "Execution", "LinearAlgebra"]),
        target("StrictJSON", []),
        target("FormatKit", ["CFileSystem", "CNettle", "CXXHash", "Execution", "ModelGraph", "StrictJSON"]),
        target("Architectures", ["FormatKit", "ModelGraph", "StrictJSON"]),
        target("PassKit", ["Execution", "LinearAlgebra", "ModelGraph"]),
        target("TransformerModel", ["Architectures", "CKernels", "Execution", "LinearAlgebra", "ModelGraph", "Tokenization"]),
        target("Calibration", ["PassKit", "StrictJSON", "Tokenization", "TransformerModel"]),
        target("LowRankAdapters", ["FormatKit", "LinearAlgebra", "ModelGraph", "SafetensorsFormat", "StrictJSON"]),
        target("LayerwiseCompression", ["Execution", "LinearAlgebra", "ModelGraph", "PassKit"]),
        target("OATS", ["LayerwiseCompression"], path: "Plugins/OATS"),
        target("SparseGPT", ["LayerwiseCompression"], path: "Plugins/SparseGPT"),
        target("TruncatedSVD", ["LayerwiseCompression"], path: "Plugins/TruncatedSVD"),
        target("Wanda", ["LayerwiseCompression"], path: "Plugins/Wanda"),
        target("Refit", ["LinearAlgebra", "ModelGraph", "PassKit"], path: "Plugins/Refit"),
        target("RPCA", ["CKernels", "PassKit"], path: "Plugins/RPCA"),
        target("MagnitudePruning", ["PassKit"], path: "Plugins/MagnitudePruning"),
        target("PostTrainingQuantization", ["PassKit"], path: "Plugins/PostTrainingQuantization"),
        target("ProbabilisticPruning", ["CKernels", "PassKit"], path: "Plugins/ProbabilisticPruning"),
        target("SafetensorsFormat", ["FormatKit", "StrictJSON"], path: "formats/safetensors", exclude: ["SPEC.md"]),
        target(
            "CapletFormat", ["CKernels", "CXXHash", "CZstd", "FormatKit", "StrictJSON"], path: "formats/caplet",
            exclude: ["SPEC.md", "NOTES.md", "reference"]),
        target(
            "CapletRuntime",
            [
                "Architectures", "CapletFormat", "Execution", "FormatKit", "LinearAlgebra", "ModelGraph", "StrictJSON", "Tokenization",
                "TransformerModel",
            ]),
        target("ZipContainer", ["CZlib", "FormatKit", "ModelGraph"]),
        target("PyTorchFormat", ["FormatKit", "StrictJSON", "ZipContainer"], path: "formats/pytorch", exclude: ["SPEC.md"]),
        target("NPYFormat", ["FormatKit", "ZipContainer"], path: "formats/npy", exclude: ["SPEC.md"]),
        target(
            "GGUFFormat", ["Architectures", "CKernels", "FormatKit", "LinearAlgebra", "StrictJSON", "Tokenization"], path: "formats/gguf",
            exclude: ["SPEC.md"]),
        target(
            "PluginLoading",
            ["CCapletPlugin", "CProcess", "Execution", "FormatKit", "LayerwiseCompression", "LinearAlgebra", "ModelGraph", "PassKit"]),
        target("Conformance", ["Execution", "FormatKit", "LinearAlgebra", "ModelGraph", "PassKit"]),
        target(
            "TestSupport", ["Conformance", "Execution", "FormatKit", "LinearAlgebra", "ModelGraph", "PassKit"], path: "Tests/TestSupport"),
        test("GGUFFormatTests", ["Architectures", "GGUFFormat", "SafetensorsFormat", "TestSupport"]),
        test("CommandLineToolTests", ["CommandLineTool", "Generate", "SafetensorsFormat", "TestSupport"]),
        test(
            "CapletRuntimeTests",
            ["CapletFormat", "CapletRuntime", "PostTrainingQuantization", "RPCA", "SafetensorsFormat", "TestSupport"]),
        test("FormatKitTests", ["FormatKit", "TestSupport"]),
        test("NPYFormatTests", ["NPYFormat", "TestSupport", "ZipContainer"]),
        test("PyTorchFormatTests", ["PyTorchFormat", "SafetensorsFormat", "TestSupport"]),
        test("SafetensorsFormatTests", ["SafetensorsFormat", "StrictJSON", "TestSupport"]),
        test("CapletFormatTests", ["CapletFormat", "TestSupport"]),
        target("Tokenization", ["StrictJSON"]),
        target(
            "BuiltIns",
            [
                "FormatKit", "PassKit", "PluginLoading",
                "CapletFormat", "SafetensorsFormat", "GGUFFormat", "NPYFormat", "PyTorchFormat",
                "RPCA", "ProbabilisticPruning", "Refit", "MagnitudePruning", "Wanda", "SparseGPT", "TruncatedSVD", "OATS",
                "PostTrainingQuantization",
            ]),
        .executableTarget(
            name: "Generate", dependencies: ["CapletRuntime"], path: "Examples/Generate", swiftSettings: [.swiftLanguageMode(.v5)]),
        .executableTarget(name: "Demo", path: "Examples/Demo", swiftSettings: [.swiftLanguageMode(.v5)]),
        .executableTarget(
            name: "Work", dependencies: ["BuiltIns", "Calibration", "RPCA"], path: "Benchmarks/Work",
            swiftSettings: [.swiftLanguageMode(.v5)]),
        .executableTarget(
            name: "CommandLineTool",
            dependencies: [
                "BuiltIns", "CAllocation", "CProcess", "Calibration", "CapletFormat", "CapletRuntime", "Conformance", "GGUFFormat", "LinearAlgebra",
                "LowRankAdapters",
                "StrictJSON",
                .product(name: "ArgumentParser", package: "swift-argument-parser"),
                .product(name: "Logging", package: "swift-log"),
            ],
            swiftSettings: [.swiftLanguageMode(.v5)]),
        test("ExecutionTests", ["Execution"]),
        test("LinearAlgebraTests", ["Execution", "LinearAlgebra", "TestSupport"]),
        test("ModelGraphTests", ["ModelGraph", "TestSupport"]),
        test("PassKitTests", ["Conformance", "Execution", "PassKit"]),
        test("RPCATests", ["RPCA", "TestSupport"]),
        test("MagnitudePruningTests", ["MagnitudePruning", "TestSupport"]),
        test("LayerwiseCompressionTests", ["LayerwiseCompression", "TestSupport", "Wanda"]),
        test("RefitTests", ["MagnitudePruning", "PostTrainingQuantization", "RPCA", "Refit", "TestSupport"]),
        test("OATSTests", ["LayerwiseCompression", "OATS", "TestSupport"]),
        test("SparseGPTTests", ["SparseGPT", "TestSupport"]),
        test("TruncatedSVDTests", ["TestSupport", "TruncatedSVD"]),
        test("WandaTests", ["TestSupport", "Wanda"]),
        test("PostTrainingQuantizationTests", ["CapletFormat", "PostTrainingQuantization", "RPCA", "TestSupport"]),
        test("ProbabilisticPruningTests", ["ProbabilisticPruning", "RPCA", "TestSupport"]),
        test(
            "TransformerModelTests", ["Calibration", "CKernels", "RPCA", "SafetensorsFormat", "TestSupport", "Tokenization"]),
        test("CalibrationTests", ["Calibration", "SafetensorsFormat", "TestSupport"]),
        test("StrictJSONTests", ["StrictJSON"]),
        test("TokenizationTests", ["StrictJSON", "TestSupport", "Tokenization"]),
    ]
)
