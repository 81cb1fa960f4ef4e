// swift-tools-version: 6.0
import PackageDescription

// The parsers of the main package, compiled once more with libFuzzer's coverage and AddressSanitizer. `Sources` and `formats` are
// links to the main package's folders, so that users' builds know nothing of this.

func target(_ name: String, _ dependencies: [Target.Dependency], path: String, exclude: [String] = []) -> Target {
    .target(
        name: name, dependencies: dependencies, path: path, exclude: exclude,
        swiftSettings: [
            .swiftLanguageMode(.v5), .unsafeFlags(["-sanitize=fuzzer,address", "-parse-as-library", "-enable-testing"]),
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
        .target(
            name: "CKernels", path: "Sources/CKernels",
            cSettings: [.unsafeFlags(["-fsanitize=address", "-fno-omit-frame-pointer"])]),
        .target(name: "CLibFuzzer", path: "CLibFuzzer"),
        .target(name: "COpenBLAS", path: "Sources/COpenBLAS"),
        target("Execution", [], path: "Sources/Execution"),
        target("LinearAlgebra", ["COpenBLAS", "CKernels"], path: "Sources/LinearAlgebra"),
        target("ModelGraph", ["CKernels", "LinearAlgebra"], path: "Sources/ModelGraph"),
        target("StrictJSON", [], path: "Sources/StrictJSON"),
        .systemLibrary(name: "CWriteback", path: "Sources/CWriteback"),
        target("FormatKit", ["CWriteback", "CXXHash", "Execution", "ModelGraph", "StrictJSON"], path: "Sources/FormatKit"),
        target("Architectures", ["FormatKit", "ModelGraph", "StrictJSON"], path: "Sources/Architectures"),
        target("PassKit", ["CXXHash", "Execution", "LinearAlgebra", "ModelGraph"], path: "Sources/PassKit"),
        target("Tokenization", ["StrictJSON"], path: "Sources/Tokenization"),
        target("ZipContainer", ["CZlib", "FormatKit", "ModelGraph"], path: "Sources/ZipContainer"),
        target("SafetensorsFormat", ["FormatKit", "StrictJSON"], path: "formats/safetensors", exclude: ["SPEC.md"]),
        target(
            "CapletFormat", ["CKernels", "CXXHash", "CZstd", "FormatKit", "StrictJSON"], path: "formats/caplet",
            exclude: ["SPEC.md", "NOTES.md"]),
        target("NPYFormat", ["FormatKit", "ZipContainer"], path: "formats/npy", exclude: ["SPEC.md"]),
        target("PyTorchFormat", ["FormatKit", "StrictJSON", "ZipContainer"], path: "formats/pytorch", exclude: ["SPEC.md"]),
        target(
            "GGUFFormat", ["Architectures", "CKernels", "FormatKit", "LinearAlgebra", "StrictJSON", "Tokenization"], path: "formats/gguf",
            exclude: ["SPEC.md"]),
        target(
            "FuzzTargets",
            [
                "Architectures", "CLibFuzzer", "CapletFormat", "Execution", "FormatKit", "GGUFFormat", "ModelGraph", "NPYFormat", "PassKit",
                "PyTorchFormat", "SafetensorsFormat",
                "StrictJSON", "Tokenization", "ZipContainer",
            ], path: "FuzzTargets"),
        .executableTarget(
            name: "fuzz", dependencies: ["CLibFuzzer", "FuzzTargets"], path: "Fuzz",
            swiftSettings: [.swiftLanguageMode(.v5), .unsafeFlags(["-sanitize=address", "-parse-as-library"])],
            linkerSettings: [.unsafeFlags(["-use-ld=lld", "-sanitize=fuzzer,address"])]),
    ]
)
