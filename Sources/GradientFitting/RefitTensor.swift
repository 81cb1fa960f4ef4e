import CLibrary
import Execution
import LinearAlgebra
import ModelGraph
import PassKit

/// One compressed matrix taken apart into what may move, U, V, the values of S on their positions and the scales of codes, and what may not.
public final class RefitTensor {
    /// The tensor's.
    public let name: String
    /// As the pass before left it.
    let original: Payload
    public let terms: [Term]
    /// The values that may move: U, V and S, or their scales, of each term in turn.
    public let values: FloatBuffer
    let execution: ExecutionContext

    public enum Term {
        /// U [m, r] and V [r, n].
        case lowRank(u: MovablePart, v: MovablePart, rank: Int)
        /// The values, and where they stand in the matrix.
        case sparse(MovablePart, SparsePattern)
        /// All of a matrix: codes, blocks, or floats.
        case whole(MovablePart)
        /// A term that keeps its values.
        case fixed(Payload)
    }

    var rows: Int { original.shape.rows }
    var columns: Int { original.shape.columns }

    /// Whether a payload has a term that can move.
    public static func canMove(_ payload: Payload, _ kinds: MovableKinds) -> Bool { payload.terms.contains { movable($0, kinds) > 0 } }

    /// Values of a term that can move.
    private static func movable(_ term: Payload, _ kinds: MovableKinds) -> Int {
        let movesScales = kinds.contains(.scales)
        switch term {
        case .lowRank(let factors):
            let (u, v) = (MovablePart.count(factors.u, movesScales: movesScales), MovablePart.count(factors.v, movesScales: movesScales))
            return u > 0 && v > 0 ? u + v : 0
        case .sparse(let sparse):
            guard sparse.shape.elementCount <= Int(UInt32.max) else { return 0 }
            return MovablePart.count(sparse.values, movesScales: movesScales)
        case .quantized, .blocks: return MovablePart.count(term, movesScales: movesScales)
        case .dense(let dense): return kinds.contains(.dense) && dense.dtype.isComputable ? dense.shape.elementCount : 0
        default: return 0
        }
    }

    /// - Parameter kinds: what may move beside values that a pruning pass kept; all else keeps its values.
    /// - Throws: `GraphError.notFinite`, and what reading the payload throws.
    public init(_ tensor: Tensor, _ kinds: MovableKinds, _ execution: ExecutionContext) throws {
        (name, original, self.execution) = (tensor.name, tensor.payload, execution)
        let count = tensor.payload.terms.reduce(0) { $0 + RefitTensor.movable($1, kinds) }
        let values = try FloatBuffer(zeros: count, execution.memory)
        var (terms, next) = ([Term](), 0)
        func take(_ payload: Payload) throws -> MovablePart {
            let part = try MovablePart(payload, in: values, from: next, name: tensor.name)
            next = part.ranges.last?.upperBound ?? next
            return part
        }
        for term in tensor.payload.terms {
            guard RefitTensor.movable(term, kinds) > 0 else {
                terms.append(.fixed(term))
                continue
            }
            switch term {
            case .lowRank(let factors): terms.append(.lowRank(u: try take(factors.u), v: try take(factors.v), rank: factors.rank))
            case .sparse(let sparse): terms.append(.sparse(try take(sparse.values), sparse.pattern))
            default: terms.append(.whole(try take(term)))
            }
        }
        (self.values, self.terms) = (values, terms)
    }

    /// What moves together, U, V, S, the scales of groups, those of columns, and what its steps are multiplied by.
    var parts: [(range: Range<Int>, step: Float)] {
        let parts = terms.flatMap { term -> [MovablePart] in
            switch term {
            case .lowRank(let u, let v, _): return [u, v]
            case .sparse(let part, _), .whole(let part): return [part]
            case .fixed: return []
            }
        }
        return parts.flatMap { part in part.ranges.map { ($0, part.step) } }
    }

    private func matrix(_ part: MovablePart, rows: Int, _ values: FloatBuffer) throws -> Matrix {
        let floats = try part.floats(values)
        return Matrix(rows: rows, columns: rows == 0 ? 0 : floats.count / rows, elements: floats)
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
            case .sparse(let part, let pattern):
                let (positions, kept) = (try pattern.positions(), try part.floats(values))
                sum.elements.withUnsafeMutableBufferPointer { out in
                    for (slot, position) in positions.enumerated() { out[Int(position)] += kept[slot] }
                }
            case .whole(let part): sum = sum + (try matrix(part, rows: rows, values))
            case .fixed(let payload): sum = sum + (try payload.densifiedMatrix(execution))
            }
        }
        return sum
    }

    /// Calls `body` with each part and its gradients, from that of the matrix: dU = G Vᵀ, dV = Uᵀ G, dS = G on the positions.
    public func forEachPartGradient(_ gradient: Matrix, _ body: (Range<Int>, [Float]) throws -> Void) throws {
        for term in terms {
            switch term {
            case .lowRank(let u, let v, let rank):
                let (left, right) = (try matrix(u, rows: rows, values), try matrix(v, rows: rank, values))
                let ofU = try gradient.times(right, otherAs: .transposed, on: execution).elements
                for (range, part) in try u.gradients(ofU, values) { try body(range, part) }
                let ofV = try left.times(gradient, .transposed, on: execution).elements
                for (range, part) in try v.gradients(ofV, values) { try body(range, part) }
            case .sparse(let values, let pattern):
                let kept = try pattern.positions().map { gradient.elements[Int($0)] }
                for (range, part) in try values.gradients(kept, self.values) { try body(range, part) }
            case .whole(let whole): for (range, part) in try whole.gradients(gradient.elements, values) { try body(range, part) }
            case .fixed: continue
            }
        }
    }

    /// The payload with the terms as they were stored and other values; of a dense tensor a composite of that one term, which says that it is not the
    /// original model's.
    public func payload(_ values: FloatBuffer) throws -> Payload {
        let new = try zip(terms, original.terms).map { term, old -> Payload in
            switch (term, old) {
            case (.lowRank(let u, let v, _), _): return .lowRank(try LowRankTensor(u: try u.payload(values), v: try v.payload(values)))
            case (.sparse(let part, let pattern), _): return .sparse(try SparseTensor(pattern: pattern, values: try part.payload(values)))
            case (.whole(let part), _): return try part.payload(values)
            case (.fixed, _): return old
            }
        }
        switch original {
        case .composite, .dense: return .composite(new)
        default: return new[0]
        }
    }
}
