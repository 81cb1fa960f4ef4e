// swift-tools-version: 6.0
import PackageDescription

/// A Swift target of the package, in the Swift 6 language mode where it does not say another.
func target(
    _ name: String, _ dependencies: [Target.Dependency], path: String? = nil, exclude: [String] = [], mode: SwiftLanguageMode = .v6
) -> Target {
    .target(name: name, dependencies: dependencies, path: path, exclude: exclude, swiftSettings: [.swiftLanguageMode(mode)])
}

func test(_ name: String, _ dependencies: [Target.Dependency], exclude: [String] = []) -> Target {
    .testTarget(
        name: name, dependencies: dependencies, exclude: exclude,
        swiftSettings: [.swiftLanguageMode(.v5)])
}

func systemLibrary(_ name: String, pkgConfig: String, apt: String, brew: String) -> Target {
    .systemLibrary(name: name, pkgConfig: pkgConfig, providers: [.apt([apt]), .brew([brew])])
}

let package = Package(
    name: "caplet",
    platforms: [.macOS(.v15), .iOS(.v18)],
    products: [
        .executable(name: "caplet", targets: ["CommandLineTool"]),
        .executable(name: "caplet-demo", targets: ["Demo"]),
        .executable(name: "caplet-work", targets: ["Work"]),
        .library(name: "CCapletPlugin", targets: ["CCapletPlugin"]),
        .library(name: "Caplet", targets: ["Caplet"]),
        .library(name: "caplet-c", type: .static, targets: ["CInterface"]),
        .library(name: "CapletRuntime", targets: ["CapletRuntime"]),
    ],
    dependencies: [
        .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.2"),
        .package(url: "https://github.com/apple/swift-log", from: "1.16.2"),
        .package(url: "https://github.com/jpsim/Yams", from: "6.2.2"),
        // For `make docs` alone; no target depends on it.
        .package(url: "https://github.com/swiftlang/swift-docc-plugin", from: "1.5.0"),
    ],
    targets: [
        systemLibrary("CZstd", pkgConfig: "libzstd", apt: "libzstd-dev", brew: "zstd"),
        systemLibrary("CZlib", pkgConfig: "zlib", apt: "zlib1g-dev", brew: "zlib"),
        systemLibrary("CNettle", pkgConfig: "nettle", apt: "nettle-dev", brew: "nettle"),
        systemLibrary("CXXHash", pkgConfig: "libxxhash", apt: "libxxhash-dev", brew: "xxhash"),
        .target(name: "CFileSystem"),
        .target(name: "CMapping"),
        .target(name: "CDefaultText"),
        .target(name: "CVersion"),
        .target(name: "CAllocation", dependencies: ["CProcess"]),
        .target(name: "CKernels"),
        // On Apple's systems it is Accelerate.
        .target(name: "COpenBLAS", linkerSettings: [.linkedFramework("Accelerate", .when(platforms: [.macOS, .iOS]))]),
        .target(name: "CProcess"),
        .target(name: "CCapletPlugin"),
        .target(name: "CCaplet", exclude: ["exports.map", "link.sh"]),
        target("CLibrary", []),
        target("Execution", ["CFileSystem", "CLibrary"]),
        target("MessagePassing", ["CLibrary", "Execution"], exclude: ["MPI"]),
        target("Matrices", ["CKernels", "CLibrary"]),
        target("LinearAlgebra", ["CLibrary", "COpenBLAS", "CKernels", "Execution", "Matrices"]),
        target("ModelGraph", ["CKernels", "CLibrary", "CMapping", "Execution", "Matrices"]),
        target("StrictJSON", []),
        target("FormatKit", ["CFileSystem", "CLibrary", "CNettle", "CXXHash", "Execution", "ModelGraph", "StrictJSON"]),
        target("Architectures", ["CLibrary", "FormatKit", "ModelGraph", "StrictJSON"]),
        target("PassKit", ["CLibrary", "CXXHash", "Execution", "LinearAlgebra", "ModelGraph"]),
        target("TextInput", ["CDefaultText", "CLibrary", "CZlib", "CZstd", "FormatKit", "ModelGraph", "StrictJSON"]),
        target("QuantizedCheckpoints", ["Architectures", "FormatKit", "ModelGraph", "StrictJSON"]),
        target(
            "Models", ["Architectures", "ChatTemplates", "FormatKit", "ModelGraph", "QuantizedCheckpoints", "StrictJSON", "Tokenization"]),
        target("Inference", ["Architectures", "CKernels", "CLibrary", "Execution", "Matrices", "ModelGraph", "Models"]),
        target("Backpropagation", ["Architectures", "CKernels", "Execution", "Inference", "LinearAlgebra"]),
        target(
            "Calibration",
            [
                "Backpropagation", "CLibrary", "Execution", "Inference", "LinearAlgebra", "ModelGraph", "Models", "PassKit", "StrictJSON",
                "Tokenization",
            ]),
        target("LowRankAdapters", ["Execution", "FormatKit", "LinearAlgebra", "ModelGraph", "SafetensorsFormat", "StrictJSON"]),
        target("LayerwiseCompression", ["CLibrary", "Execution", "LinearAlgebra", "ModelGraph", "PassKit"]),
        target("OATS", ["Execution", "LayerwiseCompression", "LinearAlgebra", "ModelGraph", "PassKit"], path: "Plugins/OATS"),
        target(
            "SparseGPT", ["Execution", "LayerwiseCompression", "LinearAlgebra", "ModelGraph", "PassKit"],
            path: "Plugins/SparseGPT"),
        target(
            "TruncatedSVD", ["LayerwiseCompression", "LinearAlgebra", "ModelGraph", "PassKit"], path: "Plugins/TruncatedSVD"),
        target("Wanda", ["LayerwiseCompression", "LinearAlgebra", "ModelGraph", "PassKit"], path: "Plugins/Wanda"),
        target("GradientFitting", ["CLibrary", "Execution", "LinearAlgebra", "ModelGraph", "PassKit"]),
        target("ALPS", ["LayerwiseCompression", "LinearAlgebra", "ModelGraph", "PassKit"], path: "Plugins/ALPS"),
        target("ThreeBlock", ["LayerwiseCompression", "LinearAlgebra", "ModelGraph", "PassKit"], path: "Plugins/ThreeBlock"),
        target(
            "BESA", ["CLibrary", "Execution", "LayerwiseCompression", "LinearAlgebra", "ModelGraph", "PassKit"], path: "Plugins/BESA"),
        target("BlockMatching", ["GradientFitting", "ModelGraph", "PassKit"], path: "Plugins/BlockMatching"),
        target("Distillation", ["GradientFitting", "ModelGraph", "PassKit"], path: "Plugins/Distillation"),
        target(
            "LoSparse", ["Execution", "GradientFitting", "LayerwiseCompression", "LinearAlgebra", "ModelGraph", "PassKit"],
            path: "Plugins/LoSparse"),
        target(
            "LPAF", ["Execution", "GradientFitting", "LayerwiseCompression", "LinearAlgebra", "ModelGraph", "PassKit"], path: "Plugins/LPAF"
        ),
        target("Refit", ["Execution", "GradientFitting", "LinearAlgebra", "ModelGraph", "PassKit"], path: "Plugins/Refit"),
        target("RPCA", ["CKernels", "Execution", "LinearAlgebra", "ModelGraph", "PassKit"], path: "Plugins/RPCA"),
        target(
            "MagnitudePruning", ["LayerwiseCompression", "LinearAlgebra", "ModelGraph", "PassKit"],
            path: "Plugins/MagnitudePruning"),
        target(
            "PostTrainingQuantization",
            ["CKernels", "CLibrary", "Execution", "GradientFitting", "LayerwiseCompression", "LinearAlgebra", "ModelGraph", "PassKit"],
            path: "Plugins/PostTrainingQuantization"),
        target(
            "ProbabilisticPruning",
            ["CKernels", "CLibrary", "Execution", "LayerwiseCompression", "LinearAlgebra", "ModelGraph", "PassKit"],
            path: "Plugins/ProbabilisticPruning"),
        target(
            "CAP", ["CKernels", "Execution", "LayerwiseCompression", "LinearAlgebra", "ModelGraph", "PassKit"],
            path: "Plugins/CAP"),
        target(
            "SafetensorsFormat", ["Architectures", "Execution", "FormatKit", "ModelGraph", "StrictJSON"], path: "formats/safetensors",
            exclude: ["SPEC.md"]),
        target(
            "CapletFormat", ["CKernels", "CLibrary", "CXXHash", "CZstd", "Execution", "FormatKit", "ModelGraph", "StrictJSON"],
            path: "formats/caplet", exclude: ["SPEC.md", "NOTES.md", "reference"]),
        target(
            "CapletRuntime",
            [
                "CapletFormat", "CLibrary", "Execution", "FormatKit", "Inference", "Matrices", "ModelGraph", "Models", "StrictJSON",
                "Tokenization",
            ]),
        target("ZipContainer", ["CZlib", "FormatKit", "ModelGraph"]),
        target(
            "PyTorchFormat", ["FormatKit", "ModelGraph", "StrictJSON", "ZipContainer"], path: "formats/pytorch", exclude: ["SPEC.md"]),
        target(
            "NPYFormat", ["Execution", "FormatKit", "ModelGraph", "ZipContainer"], path: "formats/npy", exclude: ["SPEC.md"]),
        target(
            "GGUFFormat",
            [
                "Architectures", "CKernels", "CLibrary", "Execution", "FormatKit", "Matrices", "ModelGraph", "QuantizedCheckpoints",
                "StrictJSON", "Tokenization",
            ],
            path: "formats/gguf",
            exclude: ["SPEC.md"]),
        target(
            "PluginLoading",
            [
                "CCapletPlugin", "CLibrary", "CProcess", "Execution", "FormatKit", "LayerwiseCompression", "LinearAlgebra", "ModelGraph",
                "PassKit",
            ]),
        target("Conformance", ["CLibrary", "Execution", "FormatKit", "LinearAlgebra", "ModelGraph", "PassKit"]),
        target(
            "TestSupport",
            ["Backpropagation", "Conformance", "Execution", "FormatKit", "Inference", "LinearAlgebra", "ModelGraph", "PassKit"],
            path: "Tests/TestSupport"),
        test(
            "GGUFFormatTests",
            ["Architectures", "Execution", "FormatKit", "GGUFFormat", "LinearAlgebra", "ModelGraph", "SafetensorsFormat", "TestSupport"]),
        test(
            "CommandLineToolTests",
            [
                "BuiltIns", "CLibrary", "CommandLineTool", "Execution", "FormatKit", "Generate", "LibraryExample", "ModelGraph", "PassKit",
                "SafetensorsFormat", "TestSupport",
            ]),
        test(
            "CapletRuntimeTests",
            [
                "Backpropagation", "CapletFormat", "CapletRuntime", "Execution", "FormatKit", "Inference", "ModelGraph", "Models",
                "PostTrainingQuantization", "RPCA", "SafetensorsFormat", "StrictJSON", "TestSupport", "Tokenization",
            ]),
        test("TextInputTests", ["FormatKit", "ModelGraph", "StrictJSON", "TestSupport", "TextInput"]),
        test("FormatKitTests", ["Execution", "FormatKit", "ModelGraph", "TestSupport"]),
        test("NPYFormatTests", ["Execution", "FormatKit", "ModelGraph", "NPYFormat", "TestSupport", "ZipContainer"]),
        test("PyTorchFormatTests", ["FormatKit", "ModelGraph", "PyTorchFormat", "SafetensorsFormat", "TestSupport"]),
        test("SafetensorsFormatTests", ["Execution", "FormatKit", "ModelGraph", "SafetensorsFormat", "StrictJSON", "TestSupport"]),
        test("CapletFormatTests", ["CapletFormat", "Execution", "FormatKit", "LinearAlgebra", "ModelGraph", "TestSupport"]),
        target("ChatTemplates", ["CLibrary", "StrictJSON"]),
        target("Tokenization", ["StrictJSON"]),
        target(
            "BuiltIns",
            [
                "ALPS", "BESA", "BlockMatching", "CAP", "CapletFormat", "Distillation", "FormatKit", "GGUFFormat", "LoSparse",
                "LPAF", "MagnitudePruning",
                "ModelGraph", "NPYFormat",
                "OATS", "PassKit", "PluginLoading", "PostTrainingQuantization", "ProbabilisticPruning", "PyTorchFormat", "Refit", "RPCA",
                "SafetensorsFormat", "SparseGPT", "ThreeBlock", "TruncatedSVD", "Wanda",
            ]),
        target(
            "Caplet",
            [
                "Architectures", "Backpropagation", "BuiltIns", "Calibration", "CapletFormat", "CapletRuntime", "ChatTemplates",
                "CLibrary", "Execution", "FormatKit", "GGUFFormat", "Inference", "LinearAlgebra", "LowRankAdapters", "MessagePassing",
                "ModelGraph", "Models", "PassKit",
                "PluginLoading",
                "QuantizedCheckpoints", "RPCA", "StrictJSON", "TextInput", "Tokenization",
            ]),
        target("CInterface", ["Caplet", "CCaplet", "CLibrary", "LinearAlgebra"]),
        .executableTarget(
            name: "Generate", dependencies: ["CapletRuntime"], path: "Examples/Generate", swiftSettings: [.swiftLanguageMode(.v6)]),
        .executableTarget(
            name: "LibraryExample", dependencies: ["Caplet"], path: "Examples/Library/Sources", swiftSettings: [.swiftLanguageMode(.v6)]),
        .executableTarget(name: "Demo", path: "Examples/Demo", swiftSettings: [.swiftLanguageMode(.v6)]),
        .executableTarget(
            name: "Work",
            dependencies: [
                "Backpropagation", "BuiltIns", "Calibration", "Execution", "FormatKit", "Inference", "LayerwiseCompression",
                "LinearAlgebra", "ModelGraph", "Models", "PassKit", "RPCA",
            ], path: "Benchmarks/Work",
            swiftSettings: [.swiftLanguageMode(.v6)]),
        .executableTarget(
            name: "CommandLineTool",
            dependencies: [
                "CAllocation", "Caplet", "CLibrary", "Conformance", "CProcess", "CVersion",
                .product(name: "ArgumentParser", package: "swift-argument-parser"),
                .product(name: "Logging", package: "swift-log"),
                .product(name: "Yams", package: "Yams"),
            ],
            swiftSettings: [.swiftLanguageMode(.v6)]),
        test("CapletTests", ["BuiltIns", "Caplet", "Execution", "FormatKit", "ModelGraph", "PassKit", "TestSupport"]),
        test("CKernelsTests", ["TestSupport"], exclude: ["Driver"]),
        test("ExecutionTests", ["Conformance", "Execution"]),
        test("LinearAlgebraTests", ["Execution", "LinearAlgebra", "Matrices", "TestSupport"]),
        test("ModelGraphTests", ["Execution", "LinearAlgebra", "ModelGraph", "TestSupport"]),
        test("PassKitTests", ["Conformance", "Execution", "LinearAlgebra", "ModelGraph", "PassKit", "TestSupport"]),
        test("RPCATests", ["LinearAlgebra", "ModelGraph", "RPCA", "TestSupport"]),
        test("MagnitudePruningTests", ["MagnitudePruning", "ModelGraph", "PassKit", "TestSupport"]),
        test(
            "LayerwiseCompressionTests",
            ["Conformance", "Execution", "LayerwiseCompression", "LinearAlgebra", "ModelGraph", "PassKit", "TestSupport", "Wanda"]),
        test(
            "RefitTests",
            [
                "Execution", "GradientFitting", "LinearAlgebra", "MagnitudePruning", "ModelGraph", "PassKit", "PostTrainingQuantization",
                "Refit", "RPCA", "TestSupport",
            ]),
        test(
            "BESATests",
            ["BESA", "Execution", "FormatKit", "LinearAlgebra", "ModelGraph", "PassKit", "SafetensorsFormat", "TestSupport", "Wanda"]),
        test(
            "DistillationTests",
            [
                "Architectures", "Backpropagation", "Calibration", "Distillation", "Execution", "FormatKit", "Inference", "LinearAlgebra",
                "MagnitudePruning", "ModelGraph", "Models", "PassKit", "PostTrainingQuantization", "Refit", "RPCA", "SafetensorsFormat",
                "TestSupport",
            ]),
        test(
            "LPAFTests",
            ["Execution", "GradientFitting", "LinearAlgebra", "LPAF", "ModelGraph", "PassKit", "TestSupport", "TruncatedSVD"]),
        test("LoSparseTests", ["Execution", "GradientFitting", "LinearAlgebra", "LoSparse", "ModelGraph", "PassKit", "TestSupport"]),
        test("OATSTests", ["LayerwiseCompression", "LinearAlgebra", "ModelGraph", "OATS", "PassKit", "TestSupport"]),
        test(
            "ALPSTests",
            ["ALPS", "Execution", "LayerwiseCompression", "LinearAlgebra", "ModelGraph", "PassKit", "SparseGPT", "TestSupport"]),
        test(
            "ThreeBlockTests", ["Execution", "LayerwiseCompression", "LinearAlgebra", "ModelGraph", "PassKit", "TestSupport", "ThreeBlock"]),
        test(
            "BlockMatchingTests",
            [
                "BlockMatching", "Execution", "GradientFitting", "LinearAlgebra", "MagnitudePruning", "ModelGraph", "PassKit", "RPCA",
                "TestSupport",
            ]),
        test("SparseGPTTests", ["Execution", "LinearAlgebra", "ModelGraph", "PassKit", "SparseGPT", "TestSupport"]),
        test("TruncatedSVDTests", ["LinearAlgebra", "ModelGraph", "PassKit", "TestSupport", "TruncatedSVD"]),
        test("WandaTests", ["LinearAlgebra", "ModelGraph", "PassKit", "TestSupport", "Wanda"]),
        test(
            "PostTrainingQuantizationTests",
            [
                "CKernels", "CapletFormat", "Execution", "FormatKit", "LayerwiseCompression", "LinearAlgebra", "ModelGraph", "PassKit",
                "PostTrainingQuantization", "RPCA",
                "TestSupport",
            ]),
        test(
            "ProbabilisticPruningTests",
            ["Execution", "LayerwiseCompression", "LinearAlgebra", "ModelGraph", "PassKit", "ProbabilisticPruning", "RPCA", "TestSupport"]),
        test("CAPTests", ["CAP", "Execution", "LinearAlgebra", "ModelGraph", "PassKit", "RPCA", "TestSupport"]),
        test(
            "InferenceTests",
            [
                "Architectures", "Backpropagation", "Calibration", "CKernels", "Execution", "FormatKit", "Inference", "LinearAlgebra",
                "Matrices", "ModelGraph", "Models", "RPCA", "SafetensorsFormat", "TestSupport", "Tokenization",
            ]),
        test(
            "CalibrationTests",
            [
                "Architectures", "Backpropagation", "Calibration", "Execution", "FormatKit", "Inference", "LinearAlgebra", "ModelGraph",
                "Models",
                "PassKit", "SafetensorsFormat", "TestSupport",
            ]),
        test("StrictJSONTests", ["StrictJSON"]),
        test("ChatTemplatesTests", ["ChatTemplates", "StrictJSON", "TestSupport"]),
        test("TokenizationTests", ["StrictJSON", "TestSupport", "Tokenization"]),
    ]
)
