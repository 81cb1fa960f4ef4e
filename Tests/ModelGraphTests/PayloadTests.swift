import Execution
import LinearAlgebra
import ModelGraph
import TestSupport
import XCTest

final class PayloadTests: XCTestCase {
    private func dense(_ matrix: Matrix, _ dtype: DType = .f32) throws -> Payload { .dense(try DenseTensor(matrix, dtype: dtype)) }

    func testLowRankSparseAndCompositeDensifyToTheirSum() throws {
        let (u, v) = (Matrix.random(10, 3, seed: 1), Matrix.random(3, 70, seed: 2))
        var entries = Matrix(zeros: 10, 70)
        for index in stride(from: 0, to: 700, by: 13) { entries.elements[index] = Float(index) / 100 - 3 }
        let lowRank = Payload.lowRank(try LowRankTensor(u: dense(u), v: dense(v)))
        let sparse = Payload.sparse(try SparseTensor(nonZerosOf: entries, dtype: .f32))
        let composite = Payload.composite([lowRank, sparse])
        try composite.checkInvariants()
        XCTAssertLessThan(try composite.densifiedMatrix().relativeFrobeniusError(to: u.times(v) + entries), 1e-6)
        XCTAssertEqual(try sparse.densifiedMatrix().elements, entries.elements)
        let nonZeros = entries.elements.count { $0 != 0 }
        XCTAssertEqual(composite.parameterCount, 3 * 80 + nonZeros)
        XCTAssertEqual(composite.byteCount, 4 * 3 * 80 + 4 * nonZeros + (700 + 7) / 8)
        XCTAssertEqual(composite.rank, 3)
        XCTAssertEqual(composite.density ?? 0, Double(nonZeros) / 700, accuracy: 1e-12)
    }

    /// More rows than are read at a time, rows without an entry, columns that fill no word.
    func testSparseRowsAreHadApartAndMadeOnSeveralThreads() throws {
        for (rows, columns) in [(3000, 70), (5, 64), (40, 1), (0, 9)] {
            var entries = Matrix.random(rows, columns, seed: 4)
            for index in entries.elements.indices where index % 3 == 0 || index / max(columns, 1) % 7 == 2 { entries.elements[index] = 0 }
            for dtype in [DType.f32, .bf16] {
                let alone = try SparseTensor(nonZerosOf: entries, dtype: dtype)
                let together = try SparseTensor(nonZerosOf: entries, dtype: dtype, ExecutionContext(threads: 3))
                XCTAssertEqual(try alone.pattern.readWords(), try together.pattern.readWords())
                XCTAssertEqual(try alone.values.densifiedFloats(), try together.values.densifiedFloats())
                let whole = try Payload.sparse(alone).densifiedMatrix()
                if dtype == .f32 { XCTAssertEqual(whole.elements, entries.elements) }
                XCTAssertEqual(try Payload.sparse(together).densifiedMatrix(ExecutionContext(threads: 3)).elements, whole.elements)
                let read = try Payload.sparse(alone).floatRows()
                for run in [rows / 3..<rows / 2, 0..<min(1, rows), rows..<rows] {
                    XCTAssertEqual(
                        try Matrix(run, columns: columns, of: read).elements,
                        Array(whole.elements[run.lowerBound * columns..<run.upperBound * columns]))
                }
            }
        }
    }

    func testQuantisedValuesAreScaleTimesCodeLessZeroPoint() throws {
        let shape = Shape(rows: 2, columns: 5)
        let scales = try DenseTensor(floats: [0.5, 2, 1, 4], shape: XCTUnwrap(Shape([2, 2])), dtype: .f16)
        let symmetric = try QuantizedTensor(
            shape: shape, bits: 4, groupSize: 3, codes: OwnedBytes([1, 0xFF, 7, 0xF8, 2, 3, 4, 5, 6, 0] as [UInt8]), scales: scales,
            zeroPoints: nil)
        XCTAssertEqual(try Payload.quantized(symmetric).densifiedFloats(), [0.5, -0.5, 3.5, -16, 4, 3, 4, 5, 24, 0])
        let asymmetric = try QuantizedTensor(
            shape: shape, bits: 4, groupSize: 3, codes: OwnedBytes([1, 15, 7, 8, 2, 3, 4, 5, 6, 0] as [UInt8]), scales: scales,
            zeroPoints: OwnedBytes([1, 2, 3, 4] as [UInt8]))
        XCTAssertEqual(try Payload.quantized(asymmetric).densifiedFloats(), [0, 7, 3, 12, 0, 0, 1, 2, 8, -16])
        XCTAssertEqual(Payload.quantized(symmetric).byteCount, 5 + 8)
        XCTAssertFalse(symmetric.isQ8_0)
    }

    func testContradictionsAreRefused() throws {
        let small = try dense(Matrix(zeros: 2, 3))
        XCTAssertThrowsError(try LowRankTensor(u: small, v: small))
        XCTAssertThrowsError(try Payload.composite([]).checkInvariants())
        XCTAssertThrowsError(try Payload.composite([small, dense(Matrix(zeros: 3, 2))]).checkInvariants())
        XCTAssertThrowsError(try Payload.composite([.composite([small])]).checkInvariants())
        XCTAssertThrowsError(try DenseTensor(dtype: .f32, shape: Shape(rows: 2, columns: 3), bytes: OwnedBytes(elements: [Float(0)])))
        // A bit beyond the last column, and a count that is not the number of bits.
        let words = OwnedBytes(elements: [UInt64(1) << 5])
        XCTAssertThrowsError(try SparsePattern(rows: 1, columns: 5, nonZeroCount: 1, words: words).checkBits())
        XCTAssertThrowsError(try SparsePattern(rows: 1, columns: 6, nonZeroCount: 2, words: words).checkBits())
        XCTAssertThrowsError(try SparsePattern(rows: 2, columns: 6, nonZeroCount: 1, words: words))
    }

    func testDeferredBytesAreMadeWhenAskedForAndCheckedForLength() throws {
        var made = 0
        let deferred = DeferredBytes(byteCount: 4) {
            made += 1
            return OwnedBytes(elements: [Float(made)])
        }
        let tensor = try DenseTensor(dtype: .f32, shape: Shape(count: 1), bytes: deferred)
        XCTAssertEqual(made, 0)
        XCTAssertEqual(try tensor.floats(), [1])
        XCTAssertEqual(try tensor.floats(), [2])
        let short = DeferredBytes(byteCount: 4) { OwnedBytes(elements: [UInt8(0)]) }
        XCTAssertThrowsError(try short.withUnsafeBytes { $0.count })
    }
}

final class ShapeTests: XCTestCase {
    func testProductsThatOverflowAreNoShapes() {
        XCTAssertNil(Shape([1 << 32, 1 << 32]))
        XCTAssertNil(Shape([0, 1 << 32, 1 << 32]))
        XCTAssertNil(Shape([-1]))
        XCTAssertNil(Shape([Int](repeating: 1, count: 9)))
        XCTAssertEqual(Shape([0, 5])?.elementCount, 0)
        XCTAssertEqual(Shape([])?.elementCount, 1)
        XCTAssertEqual(Shape([2, 3, 4])?.rows, 6)
    }
}

final class TensorGraphTests: XCTestCase {
    func testTiesAreFollowedAndDuplicatesRefused() throws {
        var graph = TensorGraph()
        let embedding = Tensor(name: "embed", dense: try DenseTensor(floats: [1, 2], shape: Shape(rows: 1, columns: 2)))
        try graph.append(embedding)
        XCTAssertThrowsError(try graph.append(embedding))
        graph.ties = [Tie(name: "head", target: "embed")]
        XCTAssertEqual(graph["head"]?.name, "embed")
        XCTAssertFalse(graph.contains("head"))
        XCTAssertThrowsError(try graph.setPayload(embedding.payload, of: "head"))
        let other = Payload.dense(try DenseTensor(floats: [1], shape: Shape(count: 1)))
        XCTAssertThrowsError(try graph.setPayload(other, of: "embed"))
    }
}
