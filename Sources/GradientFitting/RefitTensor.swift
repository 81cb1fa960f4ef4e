import CLibrary
import Execution
import LinearAlgebra
import ModelGraph
import PassKit

/// One pruned matrix taken apart into what may move, U, V and the values of S on their positions, and what may not.
public final class RefitTensor {
    /// The tensor's.
    public let name: String
    /// As the pass before left it.
    let original: Payload
    public let terms: [Term]
    /// The values that may move: U, V and S of each term in turn.
    public let values: FloatBuffer
    let execution: ExecutionContext

    public enum Term {
        /// Where U [m, r] and V [r, n] are among the values.
        case lowRank(u: Range<Int>, v: Range<Int>, rank: Int)
        /// Where the values are, and where they stand in the matrix.
        case sparse(Range<Int>, SparsePattern)
        /// A term that keeps its values: dense or quantised.
        case fixed(Payload)
    }

    var rows: Int { original.shape.rows }
    var columns: Int { original.shape.columns }

    /// Whether a payload has a term that can move.
    public static func canMove(_ payload: Payload) -> Bool { payload.terms.contains { movable($0) > 0 } }

    /// Values of a term that can move.
    private static func movable(_ term: Payload) -> Int {
        switch term {
        case .lowRank(let factors):
            guard case .dense = factors.u, case .dense = factors.v else { return 0 }
            return factors.u.shape.elementCount + factors.v.shape.elementCount
        case .sparse(let sparse):
            guard case .dense = sparse.values, sparse.shape.elementCount <= Int(UInt32.max) else { return 0 }
            return sparse.pattern.nonZeroCount
        default: return 0
        }
    }

    /// - Throws: `GraphError.notFinite`, and what reading the payload throws.
    public init(_ tensor: Tensor, _ execution: ExecutionContext) throws {
        (name, original, self.execution) = (tensor.name, tensor.payload, execution)
        values = try FloatBuffer(zeros: tensor.payload.terms.reduce(0) { $0 + RefitTensor.movable($1) }, execution.memory)
        var (terms, next) = ([Term](), 0)
        let floats = values.floats
        func take(_ payload: Payload) throws -> Range<Int> {
            let found = try payload.densifiedFloats()
            guard found.allSatisfy(\.isFinite) else { throw GraphError.notFinite("tensor '\(tensor.name)'") }
            for (slot, value) in found.enumerated() { floats[next + slot] = value }
            defer { next += found.count }
            return next..<next + found.count
        }
        for term in tensor.payload.terms {
            switch term {
            case .lowRank(let factors) where RefitTensor.movable(term) > 0:
                terms.append(.lowRank(u: try take(factors.u), v: try take(factors.v), rank: factors.rank))
            case .sparse(let sparse) where RefitTensor.movable(term) > 0:
                terms.append(.sparse(try take(sparse.values), sparse.pattern))
            default: terms.append(.fixed(term))
            }
        }
        self.terms = terms
    }

    /// Where each part, U, V or S, is among the values.
    var parts: [Range<Int>] {
        terms.flatMap { term -> [Range<Int>] in
            switch term {
            case .lowRank(let u, let v, _): return [u, v]
            case .sparse(let range, _): return [range]
            case .fixed: return []
            }
        }
    }

    private func matrix(_ range: Range<Int>, rows: Int, _ values: FloatBuffer) -> Matrix {
        Matrix(rows: rows, columns: rows == 0 ? 0 : range.count / rows, elements: Array(values.floats[range]))
    }

    /// The sum of the terms, [m, n].
    func matrix() throws -> Matrix { try matrix(values) }

    /// The same with other values, and without one of the terms.
    public func matrix(_ values: FloatBuffer, leavingOut left: Int? = nil) throws -> Matrix {
        var sum = Matrix(zeros: rows, columns)
        for (index, term) in terms.enumerated() where index != left {
            switch term {
            case .lowRank(let u, let v, let rank):
                sum = sum + (try matrix(u, rows: rows, values).times(matrix(v, rows: rank, values), on: execution))
            case .sparse(let range, let pattern):
                let positions = try pattern.positions()
                sum.elements.withUnsafeMutableBufferPointer { out in
                    let kept = values.floats
                    for (slot, position) in positions.enumerated() { out[Int(position)] += kept[range.lowerBound + slot] }
                }
            case .fixed(let payload): sum = sum + (try payload.densifiedMatrix(execution))
            }
        }
        return sum
    }

    /// Calls `body` with each part and its gradients, from that of the matrix: dU = G Vᵀ, dV = Uᵀ G, dS = G on the positions.
    func forEachPartGradient(_ gradient: Matrix, _ body: (Range<Int>, [Float]) throws -> Void) throws {
        for term in terms {
            switch term {
            case .lowRank(let u, let v, let rank):
                let (left, right) = (matrix(u, rows: rows, values), matrix(v, rows: rank, values))
                try body(u, gradient.times(right, otherAs: .transposed, on: execution).elements)
                try body(v, left.times(gradient, .transposed, on: execution).elements)
            case .sparse(let range, let pattern):
                try body(range, pattern.positions().map { gradient.elements[Int($0)] })
            case .fixed: continue
            }
        }
    }

    /// The payload with the terms as they were stored and other values.
    public func payload(_ values: FloatBuffer) throws -> Payload {
        let new = try zip(terms, original.terms).map { term, old -> Payload in
            switch (term, old) {
            case (.lowRank(let u, let v, _), .lowRank(let factors)):
                return .lowRank(
                    try LowRankTensor(
                        u: try factors.u.refilled(Array(values.floats[u])), v: try factors.v.refilled(Array(values.floats[v]))))
            case (.sparse(let range, _), .sparse(let sparse)):
                return .sparse(try SparseTensor(pattern: sparse.pattern, values: try sparse.values.refilled(Array(values.floats[range]))))
            default: return old
            }
        }
        if case .composite = original { return .composite(new) }
        return new[0]
    }
}

extension Payload {
    /// Other values of the same shape, in the same dtype.
    fileprivate func refilled(_ floats: [Float]) throws -> Payload {
        guard case .dense(let dense) = self else { return self }
        return .dense(try DenseTensor(floats: floats, shape: dense.shape, dtype: dense.dtype))
    }
}
