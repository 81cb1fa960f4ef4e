// swift-tools-version: 6.0
import PackageDescription

// The parsers of the main package, compiled once more with libFuzzer's coverage and AddressSanitizer. `Sources` and `formats` are
// links to the main package's folders, so that users' builds know nothing of this.

func target(_ name: String, _ dependencies: [Target.Dependency], path: String, exclude: [String] = []) -> Target {
    .target(
        name: name, dependencies: dependencies, path: path, exclude: exclude,
        swiftSettings: [
            .swiftLanguageMode(.v6), .unsafeFlags(["-sanitize=fuzzer,address", "-parse-as-library", "-enable-testing"]),
        ])
}

func systemLibrary(_ name: String, pkgConfig: String) -> Target {
    .systemLibrary(name: name, path: "Sources/\(name)", pkgConfig: pkgConfig)
}

let package = Package(
    name: "fuzzing",
    targets: [
        systemLibrary("CZstd", pkgConfig: "libzstd"),
        systemLibrary("CZlib", pkgConfig: "zlib"),
        systemLibrary("CXXHash", pkgConfig: "libxxhash"),
        systemLibrary("CNettle", pkgConfig: "nettle"),
        .target(
            name: "CKernels", path: "Sources/CKernels",
            cSettings: [.unsafeFlags(["-fsanitize=address", "-fno-omit-frame-pointer"])]),
        .target(name: "CLibFuzzer", path: "CLibFuzzer"),
        .target(name: "CFileSystem", path: "Sources/CFileSystem"),
        .target(name: "CMapping", path: "Sources/CMapping"),
        .target(name: "COpenBLAS", path: "Sources/COpenBLAS"),
        target("CLibrary", [], path: "Sources/CLibrary"),
        target("Execution", ["CFileSystem", "CLibrary"], path: "Sources/Execution"),
        target("Matrices", ["CKernels", "CLibrary"], path: "Sources/Matrices"),
        target("LinearAlgebra", ["CKernels", "CLibrary", "COpenBLAS", "Execution", "Matrices"], path: "Sources/LinearAlgebra"),
        target("ModelGraph", ["CKernels", "CLibrary", "CMapping", "Execution", "Matrices"], path: "Sources/ModelGraph"),
        target("StrictJSON", [], path: "Sources/StrictJSON"),
        target(
            "FormatKit", ["CFileSystem", "CLibrary", "CNettle", "CXXHash", "Execution", "ModelGraph", "StrictJSON"],
            path: "Sources/FormatKit"),
        target("Architectures", ["CLibrary", "FormatKit", "ModelGraph", "StrictJSON"], path: "Sources/Architectures"),
        target(
            "QuantizedCheckpoints", ["Architectures", "FormatKit", "ModelGraph", "StrictJSON"], path: "Sources/QuantizedCheckpoints"),
        target("ChatTemplates", ["CLibrary", "StrictJSON"], path: "Sources/ChatTemplates"),
        target("PassKit", ["CLibrary", "CXXHash", "Execution", "LinearAlgebra", "ModelGraph"], path: "Sources/PassKit"),
        target("Tokenization", ["StrictJSON"], path: "Sources/Tokenization"),
        .target(name: "CDefaultText", path: "Sources/CDefaultText"),
        target(
            "TextInput", ["CDefaultText", "CLibrary", "CZlib", "CZstd", "FormatKit", "ModelGraph", "StrictJSON"], path: "Sources/TextInput"),
        target("ZipContainer", ["CZlib", "FormatKit", "ModelGraph"], path: "Sources/ZipContainer"),
        target(
            "SafetensorsFormat", ["Architectures", "Execution", "FormatKit", "ModelGraph", "StrictJSON"], path: "formats/safetensors",
            exclude: ["SPEC.md"]),
        target(
            "CapletFormat", ["CKernels", "CLibrary", "CXXHash", "CZstd", "Execution", "FormatKit", "ModelGraph", "StrictJSON"],
            path: "formats/caplet",
            exclude: ["SPEC.md", "NOTES.md"]),
        target("NPYFormat", ["Execution", "FormatKit", "ModelGraph", "ZipContainer"], path: "formats/npy", exclude: ["SPEC.md"]),
        target("PyTorchFormat", ["FormatKit", "ModelGraph", "StrictJSON", "ZipContainer"], path: "formats/pytorch", exclude: ["SPEC.md"]),
        target(
            "GGUFFormat",
            [
                "Architectures", "CKernels", "CLibrary", "Execution", "FormatKit", "Matrices", "ModelGraph", "QuantizedCheckpoints",
                "StrictJSON", "Tokenization",
            ],
            path: "formats/gguf",
            exclude: ["SPEC.md"]),
        target(
            "FuzzTargets",
            [
                "Architectures", "CLibFuzzer", "CapletFormat", "ChatTemplates", "Execution", "FormatKit", "GGUFFormat", "ModelGraph",
                "NPYFormat", "PassKit",
                "PyTorchFormat", "SafetensorsFormat",
                "StrictJSON", "TextInput", "Tokenization", "ZipContainer",
            ], path: "FuzzTargets"),
        .executableTarget(
            name: "fuzz", dependencies: ["CLibFuzzer", "FuzzTargets"], path: "Fuzz",
            swiftSettings: [.swiftLanguageMode(.v5), .unsafeFlags(["-sanitize=address", "-parse-as-library"])],
            linkerSettings: [.unsafeFlags(["-use-ld=lld", "-sanitize=fuzzer,address"])]),
    ]
)
