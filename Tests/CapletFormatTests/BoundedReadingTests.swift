import Execution
import FormatKit
import ModelGraph
import TestSupport
import XCTest

@testable import CapletFormat

/// What takes little in a file takes little memory, too, whatever it becomes.
final class BoundedReadingTests: XCTestCase {
    func testRowsOfBitmapsThatComeInPieces() throws {
        for (rows, columns) in [(1, 1), (3, 1), (130, 1), (2, 63), (5, 64), (3, 65), (7, 100), (1, 200), (4, 129), (100, 3)] {
            let count = (rows * columns + 7) / 8
            var bitmap = (0..<count).map { UInt8(truncatingIfNeeded: $0 &* 73 &+ 41) }
            if rows * columns % 8 != 0 { bitmap[count - 1] &= 1 << UInt8(rows * columns % 8) - 1 }
            let whole = try bitmap.withUnsafeBytes { try Bitmap.words($0, rows: rows, columns: columns).withUnsafeBytes { Array($0) } }
            for length in [1, 2, 3, 8, 64, 1000] {
                var made = BitmapRows(rows: rows, columns: columns)
                var check = BitmapCheck(bits: rows * columns, nonZeroCount: bitmap.reduce(0) { $0 + $1.nonzeroBitCount })
                var words: [UInt8] = []
                for start in stride(from: 0, to: count, by: length) {
                    try bitmap[start..<min(start + length, count)].withUnsafeBytes { piece in
                        check.add(piece)
                        try made.add(piece) { words += $0 }
                    }
                }
                XCTAssertEqual(words, whole, "[\(rows), \(columns)] in pieces of \(length)")
                XCTAssertNil(check.defect)
            }
        }
    }

    /// As few as there are windows for.
    private let (rows, columns) = (3360, 20_000)

    private func zeros(_ count: Int) -> any ByteSource {
        DeferredBytes(byteCount: count) { OwnedBytes(byteCount: count) { $0.initializeMemory(as: UInt8.self, repeating: 0) } }
    }

    /// Each payload of many zeros.
    private func graph(onlyDense: Bool = false) throws -> TensorGraph {
        var graph = TensorGraph()
        let shape = Shape(rows: rows, columns: columns)
        try graph.append(Tensor(name: "dense", dense: DenseTensor(dtype: .bf16, shape: shape, bytes: zeros(2 * rows * columns))))
        if onlyDense { return graph }
        let pattern = try SparsePattern(rows: rows, columns: columns, nonZeroCount: 0, words: zeros(rows * 313 * 8))
        let none = try DenseTensor(floats: [], shape: Shape(count: 0))
        try graph.append(
            Tensor(name: "sparse", shape: shape, dtype: .f32, payload: .sparse(SparseTensor(pattern: pattern, values: .dense(none)))))
        let scales = try DenseTensor(dtype: .f16, shape: Shape(count: rows), bytes: zeros(2 * rows))
        let codes = try QuantizedTensor(
            shape: shape, bits: 4, groupSize: columns, codes: zeros(rows * columns), scales: scales, zeroPoints: nil)
        try graph.append(Tensor(name: "codes", shape: shape, dtype: .f32, payload: .quantized(codes)))
        return graph
    }

    func testAWindowOfALargePartGivesItsRows() throws {
        let folder = try TemporaryFolder()
        defer { withExtendedLifetime(folder) {} }
        let path = folder.path("m.caplet")
        try CapletFormat().write(graph(), to: path, WriteOptions(), ExecutionContext(threads: 2))
        let read = try CapletFormat().read(path, ReadContext(execution: ExecutionContext(threads: 2)))
        for tensor in read.tensors {
            XCTAssertEqual(try tensor.payload.checkContents(), 0)
            let rows = try tensor.payload.floatRows()
            var last = [Float](repeating: 1, count: columns)
            try rows(self.rows - 1..<self.rows, &last)
            XCTAssertTrue(last.allSatisfy { $0 == 0 }, tensor.name)
            // Of another order of magnitude than the values.
            XCTAssertLessThan(tensor.payload.reading.pieceByteCount, 16 << 20)
            XCTAssertLessThan(tensor.payload.rowReading.pieceByteCount, 80 << 20)
        }
    }

    /// Content that its frames allow and its digest does not is found by whoever reads all rows in order.
    func testAWindowChecksTheDigest() throws {
        let folder = try TemporaryFolder()
        defer { withExtendedLifetime(folder) {} }
        let path = folder.path("m.caplet")
        try CapletFormat().write(graph(onlyDense: true), to: path, WriteOptions(), ExecutionContext(threads: 2))
        let reader = try CapletReader(path, ReadContext(execution: ExecutionContext(threads: 2)))
        guard case .dense(let array) = reader.manifest.tensors[0].payload else { return XCTFail("is not dense") }
        let part = array.part
        let other = Part(
            encoding: part.encoding, byteCount: part.byteCount, chunkByteCount: part.chunkByteCount, offset: part.offset,
            frames: part.frames,
            digest: ContentDigest(high: 1, low: 2), storedDigest: part.storedDigest)
        func read(_ part: Part) throws {
            let rows = try reader.decoder.source(part, "tensor 'dense'").openRows(of: 2 * columns)
            for row in stride(from: 0, to: self.rows, by: 56) {
                try rows.withRows(row..<row + 56) { XCTAssertTrue($0.allSatisfy { $0 == 0 }) }
            }
        }
        XCTAssertNoThrow(try read(part))
        XCTAssertThrowsError(try read(other)) { XCTAssertTrue("\($0)".contains("content has the digest"), "\($0)") }
    }
}
