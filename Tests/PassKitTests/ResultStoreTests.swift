import Conformance
import Execution
import LinearAlgebra
import ModelGraph
import Synchronization
import XCTest

@testable import PassKit

final class ResultStoreTests: XCTestCase {
    private final class Elsewhere: ByteSource {
        let byteCount: Int
        private let bytes: [UInt8]

        init(_ bytes: UnsafeRawBufferPointer) {
            byteCount = bytes.count
            self.bytes = Array(bytes)
        }

        func withUnsafeBytes<Result>(_ body: (UnsafeRawBufferPointer) throws -> Result) throws -> Result { try bytes.withUnsafeBytes(body) }
    }

    private struct DiskFull: Error {}

    /// A payload with every kind of part, each of at least 64 KiB where it is worth moving.
    private func payload(seed: UInt64) throws -> Payload {
        let (m, n, r) = (300, 1100, 60)
        let matrix = Matrix.random(m, n, seed: seed)
        let shape = Shape(rows: m, columns: n)
        let quantized = try QuantizedTensor(
            shape: shape, bits: 8, groupSize: 10, codes: OwnedBytes(SampleGraph.bytes(m * n, seed: seed)),
            scales: DenseTensor(floats: [Float](repeating: 0.01, count: m * 110), shape: Shape(count: m * 110)), zeroPoints: nil,
            columnScales: DenseTensor(floats: [Float](repeating: 1, count: n), shape: Shape(count: n)))
        return .composite([
            .lowRank(
                try LowRankTensor(
                    u: .dense(DenseTensor(Matrix.random(m, r, seed: seed + 1), dtype: .f32)),
                    v: .dense(DenseTensor(Matrix.random(r, n, seed: seed + 2), dtype: .f32)))),
            .sparse(try SparseTensor(nonZerosOf: matrix, dtype: .f16)), .quantized(quantized),
        ])
    }

    func testWhatDoesNotFitIsMovedAndIsTheSame() throws {
        let one = try payload(seed: 1)
        let moved = Mutex(0)
        let store = ResultStore(memoryLimit: one.ownedByteCount + 1000) { bytes in
            moved.withLock { $0 += 1 }
            return Elsewhere(bytes)
        }
        let first = try store.keep(one)
        XCTAssertEqual(moved.withLock { $0 }, 0)
        XCTAssertEqual(first.ownedByteCount, one.ownedByteCount)
        let other = try payload(seed: 5)
        let second = try store.keep(other)
        // U, V, values, codes and scales; the pattern and the column scales are few bytes.
        XCTAssertEqual(moved.withLock { $0 }, 5)
        XCTAssertLessThan(second.ownedByteCount, 1 << 17)
        try second.checkInvariants()
        XCTAssertEqual(try second.densifiedFloats(), try other.densifiedFloats())
        XCTAssertEqual(second.byteCount, other.byteCount)
    }

    func testBetweenPassesMemoryIsMadeFree() throws {
        let one = try payload(seed: 1)
        var graph = try SampleGraph.graph([Tensor(name: "a", shape: one.shape, dtype: .f32, role: .linear, payload: one)])
        let store = ResultStore(memoryLimit: one.ownedByteCount) { Elsewhere($0) }
        try store.settle(&graph)
        XCTAssertLessThan(graph.tensors[0].payload.ownedByteCount, 1 << 17)
        XCTAssertEqual(try graph.tensors[0].payload.densifiedFloats(), try one.densifiedFloats())
        XCTAssertGreaterThan(try store.keep(.composite([payload(seed: 9)])).ownedByteCount, 0)
        let roomy = ResultStore(memoryLimit: 4 * one.ownedByteCount) { _ in throw DiskFull() }
        var small = try SampleGraph.graph([Tensor(name: "a", shape: one.shape, dtype: .f32, role: .linear, payload: one)])
        XCTAssertNoThrow(try roomy.settle(&small))
    }

    func testAFullDiskIsAnError() throws {
        let store = ResultStore(memoryLimit: 0) { _ in throw DiskFull() }
        XCTAssertThrowsError(try store.keep(payload(seed: 1))) { XCTAssert($0 is DiskFull) }
    }

    func testAContextWithOtherThreadsKeepsAllElse() throws {
        let (set, other) = (NoCalibration(), NoCalibration())
        let store = ResultStore { Elsewhere($0) }
        var notes: [String] = []
        let context = PassContext(
            execution: ExecutionContext(threads: 4), seed: 7, original: TensorGraph(), calibration: set, heldBack: other,
            outputByteCount: { _ in 11 }, results: store, note: { notes.append($0) })
        let copy = context.with(ExecutionContext(threads: 2))
        XCTAssertEqual(copy.execution.threads, 2)
        XCTAssertEqual(copy.seed, 7)
        XCTAssert(copy.calibration === set)
        XCTAssert(copy.heldBack === other)
        XCTAssert(copy.results === store)
        XCTAssertEqual(try copy.outputByteCount?(TensorGraph()), 11)
        copy.note("seen")
        XCTAssertEqual(notes, ["seen"])
    }

    private final class NoCalibration: CalibrationProvider {
        let sequenceCount = 0
        let scoredTokensPerSequence = 0
        func losses(sequences: [Int], replacing weights: ReplacedWeights) throws -> [Double] { [] }
        func losses(sequences: [Int], of graph: TensorGraph) throws -> [Double] { [] }
        func forEachSecondMoment(
            of isWanted: (InputGroup) -> Bool, at homes: (InputGroup) -> [Int]?, _ body: (InputGroup, Matrix?) throws -> Void
        ) throws {}
    }
}
