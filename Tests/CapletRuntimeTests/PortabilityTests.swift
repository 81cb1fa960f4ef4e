import Foundation
import XCTest

/// What the runtime is made of calls the C library by one name, so that another than Glibc is one place's business.
final class PortabilityTests: XCTestCase {
    /// The modules that the runtime needs.
    private static let folders = [
        "Sources/Execution", "Sources/ModelGraph", "Sources/StrictJSON", "Sources/FormatKit", "Sources/Architectures",
        "Sources/Tokenization", "Sources/ZipContainer", "Sources/Matrices", "Sources/Models", "Sources/Inference", "Sources/CapletRuntime",
        "formats/caplet",
    ]

    /// Nobody but `CLibrary` names the system's C library.
    func testNoModuleNamesACLibrary() throws {
        try check(["Sources", "Plugins", "formats"], without: ["Glibc", "Musl", "Darwin", "Android", "Bionic"], butIn: "CLibrary/")
    }

    /// The runtime does without Foundation.
    func testRuntimeImportsNoFoundation() throws { try check(PortabilityTests.folders, without: ["Foundation"]) }

    private func check(_ folders: [String], without libraries: [String], butIn excepted: String? = nil) throws {
        let root = URL(fileURLWithPath: #filePath)
            .deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()
        var files = 0
        for folder in folders {
            let names = try FileManager.default.subpathsOfDirectory(atPath: root.appendingPathComponent(folder).path)
            for name in names where name.hasSuffix(".swift") && !(excepted.map(name.hasPrefix) ?? false) {
                let text = try String(contentsOf: root.appendingPathComponent(folder).appendingPathComponent(name), encoding: .utf8)
                for library in libraries {
                    XCTAssertFalse(text.contains("import \(library)\n"), "\(folder)/\(name) imports \(library)")
                }
                files += 1
            }
        }
        XCTAssertGreaterThan(files, 150)
    }
}
