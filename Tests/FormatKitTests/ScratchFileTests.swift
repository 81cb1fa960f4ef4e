import FormatKit
import ModelGraph
import TestSupport
import XCTest

final class ScratchFileTests: XCTestCase {
    func testKeepsBytesAndHasNoName() throws {
        let folder = try TemporaryFolder()
        let output = folder.path("model.caplet")
        var kept: [(source: any ByteSource, bytes: [UInt8])] = []
        do {
            let scratch = try ScratchFile(beside: output)
            XCTAssertEqual(try folder.files().count, 0)
            for (index, count) in [0, 1, 4096, 4097, 300_000, 7].enumerated() {
                let bytes = SampleGraph.bytes(count, seed: UInt64(index))
                kept.append((try bytes.withUnsafeBytes { try scratch.keep($0) }, bytes))
            }
        }
        // Mapped parts outlive the file.
        for (source, bytes) in kept {
            XCTAssertEqual(source.byteCount, bytes.count)
            XCTAssertEqual(try source.withUnsafeBytes { Array($0) }, bytes)
        }
        XCTAssertEqual(try folder.files().count, 0)
    }

    func testAFolderThatIsNotThereIsAnError() {
        XCTAssertThrowsError(try ScratchFile(beside: "/nonexistent/model.caplet")) { error in
            XCTAssertEqual((error as? FormatError)?.kind, .writeFailed)
        }
    }
}
