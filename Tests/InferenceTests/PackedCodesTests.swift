import CKernels
import Execution
import LinearAlgebra
import ModelGraph
import TestSupport
import XCTest
@testable import Inference

/// Products with packed codes, sparse rows and stored floats against plain sums over the densified values, at every width.
final class PackedCodesTests: XCTestCase {
    private let levels: [caplet_vector_level] = [CAPLET_VECTORS_NONE, CAPLET_VECTORS_NARROW, CAPLET_VECTORS_WIDE]
    private var numbers = CounterGenerator(seed: 7, stream: 1)
    private var drawn: UInt64 = 0

    private func number() -> Double {
        drawn += 1
        return numbers.normal(drawn)
    }

    /// Codes of which most are within `spread` of zero and some far away.
    private func tensor(
        rows: Int, columns: Int, bits: Int, groupSize: Int, spread: Double, isSymmetric: Bool = true, scales dtype: DType = .f16,
        hasColumnScales: Bool = false
    ) throws -> QuantizedTensor {
        let half = 1 << (bits - 1)
        let codes = (0..<rows * columns).map { index -> UInt8 in
            let outlier = index % 37 == 5 ? 6.0 : 1.0
            let value = Int((number() * spread * outlier).rounded())
            if isSymmetric { return UInt8(bitPattern: Int8(min(max(value, -half), half - 1))) }
            return UInt8(min(max(value + half, 0), 2 * half - 1))
        }
        let groups = rows * QuantizedTensor.groupsPerRow(columns: columns, groupSize: groupSize)
        let scales = (0..<groups).map { _ in Float(0.5 + abs(number())) }
        let zeros = (0..<groups).map { UInt8((half + $0 % 2) % (2 * half)) }
        return try QuantizedTensor(
            shape: Shape(rows: rows, columns: columns), bits: bits, groupSize: groupSize, codes: OwnedBytes(codes),
            scales: DenseTensor(floats: scales, shape: Shape(count: groups), dtype: dtype),
            zeroPoints: isSymmetric ? nil : OwnedBytes(zeros),
            columnScales: hasColumnScales
                ? DenseTensor(floats: (0..<columns).map { _ in Float(1 + number() * 0.1) }, shape: Shape(count: columns)) : nil)
    }

    private func inputs(_ count: Int) -> [Float] { (0..<count).map { _ in Float(number()) } }

    /// All levels give the same floats, many tokens those that one at a time gets; these are within rounding of a sum in double.
    private func check(_ payload: Payload, _ what: String, _ make: (caplet_vector_level) throws -> any RowTerm) throws {
        let (rows, columns) = (payload.shape.rows, payload.shape.columns)
        let dense = try payload.densifiedFloats()
        for tokens in [1, 3, 6, 21] {
            let x = inputs(tokens * columns)
            var found: [[Float]] = []
            for level in levels where level.rawValue <= caplet_packed_level().rawValue {
                let term = try make(level)
                let y = product(term, x, tokens: tokens, rows: rows)
                found.append(y)
                for row in [0, rows / 2, rows - 1] {
                    var line = [Float](repeating: 0, count: columns)
                    term.addRow(row, to: &line)
                    XCTAssertEqual(line, Array(dense[row * columns..<(row + 1) * columns]), "\(what) row \(row)")
                }
            }
            if let term = try tokens > 6 ? make(caplet_packed_level()) : nil {
                found.append(
                    (0..<tokens).flatMap { product(term, Array(x[$0 * columns..<($0 + 1) * columns]), tokens: 1, rows: rows) })
            }
            for other in found.dropFirst() { XCTAssertEqual(other, found[0], "\(what), \(tokens) tokens") }
            for token in 0..<tokens {
                for row in 0..<rows {
                    var (sum, size) = (1.0, 1.0)
                    for i in 0..<columns {
                        let product = Double(dense[row * columns + i]) * Double(x[token * columns + i])
                        sum += product
                        size += abs(product)
                    }
                    XCTAssertEqual(Double(found[0][token * rows + row]), sum, accuracy: 1e-5 * size, "\(what) row \(row)")
                }
            }
        }
    }

    /// 1 + the product, [tokens, rows].
    private func product(_ term: any RowTerm, _ x: [Float], tokens: Int, rows: Int) -> [Float] {
        var prepared = x
        if term.preparedCount(tokens: tokens) > 0 {
            prepared = [Float](repeating: 0, count: term.preparedCount(tokens: tokens))
            term.prepare(x, tokens: tokens, into: &prepared)
        }
        var y = [Float](repeating: 1, count: tokens * rows)
        term.add(0..<rows, of: prepared, tokens: tokens, to: &y, stride: rows)
        return y
    }

    private func checkPacked(_ tensor: QuantizedTensor, _ what: String) throws {
        try check(.quantized(tensor), what) { try PackedTerm(tensor, name: "w", WeightArena(), level: $0) }
    }

    func testWidthsAndRowLengths() throws {
        for bits in 2...8 {
            for (rows, columns) in [(1, 1), (16, 32), (17, 31), (40, 96), (5, 129), (33, 300), (16, 512)] {
                for spread in [0.2, Double(1 << bits) / 12, Double(1 << bits) / 5] {
                    let tensor = try tensor(rows: rows, columns: columns, bits: bits, groupSize: columns, spread: spread)
                    try checkPacked(tensor, "\(bits) bits \(rows) x \(columns) \(spread)")
                }
            }
        }
    }

    func testGroupsZeroPointsAndScalesByColumn() throws {
        for (bits, groupSize, columns) in [(4, 32, 128), (3, 20, 90), (8, 64, 300), (5, 7, 50), (2, 300, 300), (6, 1, 9)] {
            for dtype in [DType.f16, .bf16, .f32] {
                for (isSymmetric, byColumn) in [(false, false), (true, true), (false, true)] {
                    let tensor = try tensor(
                        rows: 21, columns: columns, bits: bits, groupSize: groupSize, spread: 1.5, isSymmetric: isSymmetric, scales: dtype,
                        hasColumnScales: byColumn)
                    try checkPacked(tensor, "\(bits) bits in \(groupSize) of \(columns) \(dtype) \(isSymmetric)")
                }
            }
        }
    }

    func testSparseRows() throws {
        for (rows, columns, density) in [(16, 64, 0.5), (19, 130, 0.1), (50, 300, 0.3), (3, 17, 1.0), (20, 64, 0.0)] {
            var matrix = Matrix(zeros: rows, columns)
            for i in matrix.elements.indices where Double(i * 7919 % 1000) < density * 1000 { matrix.elements[i] = Float(number()) + 0.01 }
            for dtype in [DType.f32, .bf16, .f16] {
                let sparse = try SparseTensor(nonZerosOf: matrix, dtype: dtype)
                try check(.sparse(sparse), "sparse \(density) \(dtype)") { try SparseRowsTerm(sparse, name: "s", WeightArena(), level: $0) }
            }
            let pattern = try SparseTensor(nonZerosOf: matrix, dtype: .f32).pattern
            for (bits, isSymmetric) in [(2, true), (3, true), (4, false), (5, true), (8, true), (8, false)] {
                let count = pattern.nonZeroCount
                guard count > 0 else { continue }
                let kept = try tensor(rows: 1, columns: count, bits: bits, groupSize: 50, spread: 1.2, isSymmetric: isSymmetric)
                let values = try QuantizedTensor(
                    shape: Shape(count: count), bits: bits, groupSize: 50, codes: kept.codes, scales: kept.scales,
                    zeroPoints: kept.zeroPoints)
                let sparse = try SparseTensor(pattern: pattern, values: .quantized(values))
                try check(.sparse(sparse), "sparse \(bits) bits") { try SparseRowsTerm(sparse, name: "s", WeightArena(), level: $0) }
            }
        }
    }

    func testStoredFloats() throws {
        for dtype in [DType.f32, .bf16, .f16, .f8E4M3, .f64] {
            for (rows, columns) in [(16, 64), (3, 100), (30, 17), (1, 1)] {
                let dense = try DenseTensor(floats: inputs(rows * columns), shape: Shape(rows: rows, columns: columns), dtype: dtype)
                try check(.dense(dense), "\(dtype)") { _ in try DenseRowsTerm.term(dense, name: "w", WeightArena()).term }
            }
        }
    }

    /// An operator of factors, sparse values and codes is their sum, forwards, backwards and row by row.
    func testOperatorsAreTheSumOfTheirTerms() throws {
        let (rows, columns, rank) = (70, 96, 9)
        var matrix = Matrix(zeros: rows, columns)
        for i in stride(from: 0, to: matrix.elements.count, by: 5) { matrix.elements[i] = Float(number()) }
        let u = try DenseTensor(floats: inputs(rows * rank), shape: Shape(rows: rows, columns: rank), dtype: .bf16)
        let v = try tensor(rows: rank, columns: columns, bits: 5, groupSize: 32, spread: 3)
        let payload = Payload.composite([
            .lowRank(try LowRankTensor(u: .dense(u), v: .quantized(v))), .sparse(try SparseTensor(nonZerosOf: matrix, dtype: .f16)),
            .quantized(try tensor(rows: rows, columns: columns, bits: 4, groupSize: columns, spread: 2, hasColumnScales: true)),
        ])
        let dense = try LinearOperator(Matrix(rows: rows, columns: columns, elements: payload.densifiedFloats()), OpenBLASProduct())
        let x = inputs(2 * columns), gradient = inputs(2 * rows)
        for threads in [1, 3] {
            let stored = try StoredOperator(payload, name: "w", WeightArena(), WorkerTeam(threads: threads))
            for accumulate in [false, true] {
                var (a, b) = ([Float](repeating: 2, count: 2 * rows), [Float](repeating: 2, count: 2 * rows))
                dense.apply(to: x, tokens: 2, into: &a, accumulate: accumulate)
                stored.apply(to: x, tokens: 2, into: &b, accumulate: accumulate)
                for (p, q) in zip(a, b) { XCTAssertEqual(p, q, accuracy: 1e-3) }
                var (c, d) = ([Float](repeating: 2, count: 2 * columns), [Float](repeating: 2, count: 2 * columns))
                dense.applyTransposed(to: gradient, tokens: 2, into: &c, accumulate: accumulate)
                stored.applyTransposed(to: gradient, tokens: 2, into: &d, accumulate: accumulate)
                for (p, q) in zip(c, d) { XCTAssertEqual(p, q, accuracy: 1e-3) }
            }
        }
    }

    func testCodesBeyondTheirBitsAreRefused() throws {
        let codes = OwnedBytes([UInt8](repeating: 3, count: 32))
        let scales = try DenseTensor(floats: [1, 1], shape: Shape(count: 2))
        let bad = try QuantizedTensor(
            shape: Shape(rows: 2, columns: 16), bits: 2, groupSize: 16, codes: codes, scales: scales, zeroPoints: nil)
        XCTAssertThrowsError(try PackedTerm(bad, name: "w", WeightArena())) {
            XCTAssertEqual("\($0)", "tensor 'w': has the code 3; -2 … 1 are 2 bits")
        }
        let zeros = try QuantizedTensor(
            shape: Shape(rows: 2, columns: 16), bits: 2, groupSize: 16, codes: codes, scales: scales, zeroPoints: OwnedBytes([0, 4]))
        XCTAssertThrowsError(try PackedTerm(zeros, name: "w", WeightArena()))
        let infinite = try DenseTensor(floats: [1, .infinity], shape: Shape(count: 2))
        let unbounded = try QuantizedTensor(
            shape: Shape(rows: 2, columns: 16), bits: 8, groupSize: 16, codes: codes, scales: infinite, zeroPoints: nil)
        XCTAssertThrowsError(try PackedTerm(unbounded, name: "w", WeightArena()))
        let words = OwnedBytes(elements: [UInt64(1) << 40, 3])
        let pattern = try SparsePattern(rows: 2, columns: 33, nonZeroCount: 3, words: words)
        let values = Payload.dense(try DenseTensor(floats: [1, 2, 3], shape: Shape(count: 3)))
        XCTAssertThrowsError(try SparseRowsTerm(SparseTensor(pattern: pattern, values: values), name: "s", WeightArena()))
    }
}
