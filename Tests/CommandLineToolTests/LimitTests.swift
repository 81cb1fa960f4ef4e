import Foundation
import TestSupport
import XCTest

/// Runs that get less than they need: they end in time, with one line, and leave nothing.
final class LimitTests: XCTestCase {
    private func sweep(_ kind: String, _ limits: [Int]) throws {
        let folder = try CheckpointFolder()
        defer { withExtendedLifetime(folder) {} }
        let arguments = [try CapletProcess.productsFolder + "/caplet", "tiny", "text.txt", kind] + limits.map(String.init)
        let result = try CapletProcess.shell(
            "'\(Repository.path("Tests/Limits/sweep.sh"))' " + arguments.map { "'\($0)'" }.joined(separator: " "), in: folder.path)
        XCTAssertEqual(result.status, 0, result.output + result.errors)
    }

    func testLittleMemory() throws { try sweep("v", [40_000, 80_000, 120_000, 160_000, 240_000, 400_000]) }

    func testSmallStacks() throws { try sweep("s", [128, 1024]) }

    /// A request that no system can meet ends the run as one that this system cannot.
    func testTheMessage() throws {
        let folder = try CheckpointFolder()
        defer { withExtendedLifetime(folder) {} }
        var seen: Set<String> = []
        for limit in stride(from: 50_000, through: 130_000, by: 10_000) {
            let result = try CapletProcess.shell("ulimit -c 0 -v \(limit); exec caplet convert tiny -o out.gguf -q", in: folder.path)
            guard result.status == 70 else { continue }
            seen.insert(result.errors.split(separator: ":").prefix(3).joined(separator: ":"))
            XCTAssertThrowsError(try folder.bytes("out.gguf"))
        }
        XCTAssertTrue(seen.isSubset(of: ["caplet: error: out of memory", "caplet: error: tiny/model.safetensors"]), "\(seen)")
    }
}
