import Execution
import FormatKit
import ModelGraph
import TestSupport
import XCTest

/// Bytes that are made on several threads lie where they belong.
final class AtomicFileWriterTests: XCTestCase {
    private struct Broken: Error {}

    func testRowsBufferedBytesAndMappedBytesLieInOrder() throws {
        let folder = try TemporaryFolder()
        defer { withExtendedLifetime(folder) {} }
        let input = folder.path + "/input"
        let content = (0..<3_000_001).map { UInt8(truncatingIfNeeded: $0 &* 31 &+ $0 >> 8) }
        let first = try AtomicFileWriter(path: input, force: false)
        try first.write(content)
        try first.commit()
        let mapped = try XCTUnwrap(MappedBytes(try MappedFile(path: input), offset: 1, byteCount: content.count - 1))
        let rows = RowSource(rowCount: 5000, bytesPerRow: 300) {
            return { run, out in
                for (place, row) in run.enumerated() {
                    for k in 0..<300 { out[place * 300 + k] = UInt8(truncatingIfNeeded: row &* 7 &+ k) }
                }
            }
        }
        let made = (0..<5000 * 300).map { UInt8(truncatingIfNeeded: $0 / 300 &* 7 &+ $0 % 300) }
        let expected = Array("head".utf8) + content.dropFirst() + [1] + made + Array("tail".utf8)
        for threads in [1, 4] {
            let path = "\(folder.path)/output-\(threads)"
            let writer = try AtomicFileWriter(path: path, force: false)
            try writer.write(Array("head".utf8))
            try writer.write(mapped, ExecutionContext(threads: threads))
            try writer.write([1])
            try writer.write(rows, ExecutionContext(threads: threads))
            try writer.write(Array("tail".utf8))
            XCTAssertEqual(writer.byteCount, expected.count)
            try writer.commit()
            XCTAssertTrue(try MappedFile(path: path).withBytes { $0.elementsEqual(expected) }, "\(threads) threads")
        }
    }

    func testARowThatCannotBeMadeLeavesNoFile() throws {
        let folder = try TemporaryFolder()
        defer { withExtendedLifetime(folder) {} }
        let rows = RowSource(rowCount: 100, bytesPerRow: 1 << 18) { { run, _ in if run.contains(70) { throw Broken() } } }
        do {
            let writer = try AtomicFileWriter(path: folder.path + "/output", force: false)
            XCTAssertThrowsError(try writer.write(rows, ExecutionContext(threads: 3))) { XCTAssertTrue($0 is Broken) }
        }
        XCTAssertEqual(try FolderListing.names(in: folder.path), [])
    }
}
