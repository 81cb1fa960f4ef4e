import Foundation
import TestSupport
import XCTest

/// The example of the library does what it says.
final class LibraryExampleTests: XCTestCase {
    func testCompressesConvertsMeasuresAndWrites() throws {
        let folder = try TemporaryFolder()
        defer { withExtendedLifetime(folder) {} }
        let root = BundledModel.root.path
        let text = "\(root)/Examples/text"
        let result = try CapletProcess.shell(
            "LibraryExample \(root)/Examples/wren-7m \(text)/speeches-calibration.txt \(text)/speeches-evaluation.txt .", in: folder.path)
        XCTAssertEqual(result.status, 0, result.errors)
        let lines = result.output.split(separator: "\n").map(String.init)
        XCTAssertTrue(lines.contains { $0.hasPrefix("compressed to ") }, result.output)
        let perplexities = lines.compactMap { line in
            line.range(of: ": perplexity ").flatMap { Double(line[$0.upperBound...]) }
        }
        XCTAssertEqual(perplexities.count, 3, result.output)
        // Four bits a weight cost a little, eight of those next to nothing.
        XCTAssertLessThan(abs(perplexities[1] / perplexities[0] - 1), 0.05, result.output)
        XCTAssertLessThan(abs(perplexities[2] / perplexities[1] - 1), 0.01, result.output)
        // What it writes goes on from the prompt, after all else.
        let written = lines.drop { !$0.contains("small.gguf: perplexity ") }.dropFirst()
        XCTAssertGreaterThan(written.joined().count, 20, result.output)
        let source = try String(contentsOfFile: "\(root)/Examples/Library/Sources/LibraryExample.swift", encoding: .utf8)
        XCTAssertLessThan(source.split(separator: "\n", omittingEmptySubsequences: false).count, 60)
    }
}
