import Execution
import Synchronization
import XCTest

@testable import ModelGraph

/// Bytes that come in pieces of any size, as a file of another writer may have them.
private final class Pieces: ByteSource {
    let pieces: [[UInt8]]
    init(_ pieces: [[UInt8]]) { self.pieces = pieces }

    var byteCount: Int { pieces.reduce(0) { $0 + $1.count } }
    var pieceByteCount: Int { pieces.map(\.count).max() ?? 0 }

    func withUnsafeBytes<Result>(_ body: (UnsafeRawBufferPointer) throws -> Result) throws -> Result {
        try Array(pieces.joined()).withUnsafeBytes(body)
    }

    func forEachPiece(atOnce count: Int, _ body: (UnsafeRawBufferPointer) throws -> Void) throws {
        for piece in pieces { try piece.withUnsafeBytes(body) }
    }
}

final class PieceReadingTests: XCTestCase {
    private func bytes(_ floats: [Float]) -> [UInt8] { floats.flatMap { withUnsafeBytes(of: $0.bitPattern.littleEndian) { Array($0) } } }

    /// Every way of cutting some bytes in three.
    private func cuts(_ all: [UInt8]) -> [Pieces] {
        (0...all.count).flatMap { first in
            (first...all.count).map { Pieces([Array(all[..<first]), Array(all[first..<$0]), Array(all[$0...])]) }
        }
    }

    func testElementsThatPiecesCutAreWhole() throws {
        for source in cuts(bytes([1, 2, 3])) {
            var floats: [Float] = []
            try source.forEachPiece(ofElements: 4) { piece in
                XCTAssertEqual(piece.count % 4, 0)
                for place in stride(from: 0, to: piece.count, by: 4) {
                    floats.append(Float(bitPattern: UInt32(littleEndian: piece.loadUnaligned(fromByteOffset: place, as: UInt32.self))))
                }
            }
            XCTAssertEqual(floats, [1, 2, 3])
        }
    }

    func testValuesThatAreNoNumbersAreCountedAcrossPieces() throws {
        for source in cuts(bytes([.nan, 2, -.infinity])) {
            let tensor = try DenseTensor(dtype: .f32, shape: Shape(count: 3), bytes: source)
            XCTAssertEqual(try tensor.nonFiniteCount(), 2)
            XCTAssertEqual(try Payload.dense(tensor).checkContents(), 2)
        }
    }

    func testBitsOfPatternsAreCountedAcrossPieces() throws {
        // Two rows of 65 columns: the first and the last element of each.
        let words: [UInt8] = [1, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0]
        for cut in [0, 1, 7, 8, 9, 15, 16, 31, 32] {
            let source = Pieces([Array(words[..<cut]), Array(words[cut...])])
            XCTAssertNoThrow(try SparsePattern(rows: 2, columns: 65, nonZeroCount: 4, words: source).checkBits())
            XCTAssertThrowsError(try SparsePattern(rows: 2, columns: 65, nonZeroCount: 3, words: source).checkBits())
            var padded = words
            padded[24] = 3
            let broken = Pieces([Array(padded[..<cut]), Array(padded[cut...])])
            XCTAssertThrowsError(try SparsePattern(rows: 2, columns: 65, nonZeroCount: 5, words: broken).checkBits()) {
                XCTAssertTrue("\($0)".contains("row 1 has bits beyond column 65"), "\($0)")
            }
        }
    }

    func testCodesAreCheckedInEveryPiece() throws {
        func tensor(_ codes: [[UInt8]], zeros: [UInt8]? = nil, bits: Int) throws -> Payload {
            .quantized(
                try QuantizedTensor(
                    shape: Shape(rows: 2, columns: 2), bits: bits, groupSize: 2, codes: Pieces(codes),
                    scales: DenseTensor(floats: [1, .infinity], shape: Shape(count: 2)), zeroPoints: zeros.map { OwnedBytes($0) }))
        }
        XCTAssertEqual(try tensor([[0xFC, 3], [0, 1]], bits: 3).checkContents(), 1)
        XCTAssertThrowsError(try tensor([[0, 3], [0, 4]], bits: 3).checkContents())
        XCTAssertThrowsError(try tensor([[0, 3], [0, 8]], zeros: [0, 0], bits: 3).checkContents())
        XCTAssertThrowsError(try tensor([[0, 3], [0, 7]], zeros: [0, 8], bits: 3).checkContents())
        XCTAssertEqual(try tensor([[0, 255], [128, 127]], bits: 8).checkContents(), 1)
    }

    func testASliceOfPiecesIsThatOfTheWhole() throws {
        let all = Array(UInt8(0)..<10)
        for source in cuts(all) {
            for start in 0...10 {
                for end in start...10 {
                    let slice = try XCTUnwrap(SlicedBytes(source, offset: start, byteCount: end - start))
                    var found: [UInt8] = []
                    try slice.forEachPiece { found += $0 }
                    XCTAssertEqual(found, Array(all[start..<end]))
                }
            }
        }
    }

    func testPiecesThatAreReadAtOnceHaveRoom() throws {
        let limit = PieceReading.memoryLimit
        let sizes = [limit / 2, limit / 2, 1, limit * 4, limit / 3, limit / 3, limit / 3, 0, 7]
        let readings = sizes.map { PieceReading(byteCount: $0, pieceByteCount: $0, isParallel: false) }
        let used = Atomic<Int>(0)
        let found = try ExecutionContext(threads: 8).mapReading(readings) { index, atOnce -> Int in
            let now = used.wrappingAdd(min(sizes[index], limit), ordering: .relaxed).newValue
            usleep(2000)
            used.wrappingSubtract(min(sizes[index], limit), ordering: .relaxed)
            XCTAssertLessThanOrEqual(now, limit)
            XCTAssertEqual(atOnce, 1)
            return index
        }
        XCTAssertEqual(found, Array(sizes.indices))
    }

    func testLargeTensorsHaveAllThreadsThatTheirPiecesHaveRoomFor() throws {
        let large = PieceReading(byteCount: 1 << 30, pieceByteCount: 4 << 20, isParallel: true)
        let wide = PieceReading(byteCount: 1 << 30, pieceByteCount: 40 << 20, isParallel: true)
        XCTAssertEqual(try ExecutionContext(threads: 8).mapReading([large, wide]) { $1 }, [8, 2])
    }

    func testAWindowGivesWhatTheWholeHas() throws {
        let all = (0..<1000).map { UInt8(truncatingIfNeeded: $0 &* 7 &+ $0 / 256) }
        let made = Atomic<Int>(0)
        let pieces = SeparatePieces(byteCount: 64, atOnce: 3) {
            { run in
                made.wrappingAdd(run.count, ordering: .relaxed)
                return run.map { OwnedBytes(all[$0 * 64..<min($0 * 64 + 64, all.count)]) }
            }
        }
        let window = PieceWindow(pieces, byteCount: all.count)
        for range in [0..<1, 0..<64, 63..<65, 10..<300, 990..<1000, 0..<1000, 500..<500, 3..<4] {
            XCTAssertEqual(try window.withBytes(range) { Array($0) }, Array(all[range]))
        }
        XCTAssertEqual(made.load(ordering: .relaxed), 16)
    }
}
