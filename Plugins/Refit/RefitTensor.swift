import LinearAlgebra
import ModelGraph

/// One pruned matrix taken apart into what may move, U, V and the values of S on their positions, and what may not.
struct RefitTensor {
    let name: String
    let rows: Int
    let columns: Int
    var terms: [Term]

    enum Term {
        /// U [m, r] and V [r, n].
        case lowRank(u: Matrix, v: Matrix)
        /// Values and where they are in the row-major matrix; positions rise.
        case sparse(positions: [UInt32], values: [Float])
        /// A term that keeps its values: dense or quantised.
        case fixed(Payload)
    }

    /// - Returns: nil when no term can move.
    /// - Throws: `GraphError.notFinite`, and what reading the payload throws.
    init?(_ tensor: Tensor) throws {
        name = tensor.name
        rows = tensor.shape.rows
        columns = tensor.shape.columns
        guard tensor.shape.elementCount <= Int(UInt32.max) else { return nil }
        terms = try tensor.payload.terms.map { term in
            switch term {
            case .lowRank(let factors):
                guard case .dense = factors.u, case .dense = factors.v else { return .fixed(term) }
                return .lowRank(u: try factors.u.densifiedMatrix(), v: try factors.v.densifiedMatrix())
            case .sparse(let sparse):
                guard case .dense = sparse.values else { return .fixed(term) }
                return .sparse(positions: try sparse.pattern.positions(), values: try sparse.values.densifiedFloats())
            default: return .fixed(term)
            }
        }
        guard terms.contains(where: { if case .fixed = $0 { return false } else { return true } }) else { return nil }
        guard parts.allSatisfy({ $0.allSatisfy(\.isFinite) }) else { throw GraphError.notFinite("tensor '\(name)'") }
    }

    /// The values that may move: U, V and S of each term in turn.
    var parts: [[Float]] {
        terms.flatMap { term -> [[Float]] in
            switch term {
            case .lowRank(let u, let v): return [u.elements, v.elements]
            case .sparse(_, let values): return [values]
            case .fixed: return []
            }
        }
    }

    /// Puts back what `parts` gave, changed.
    mutating func set(_ parts: [[Float]]) {
        var rest = parts[...]
        for index in terms.indices {
            switch terms[index] {
            case .lowRank(var u, var v):
                (u.elements, v.elements) = (rest.removeFirst(), rest.removeFirst())
                terms[index] = .lowRank(u: u, v: v)
            case .sparse(let positions, _): terms[index] = .sparse(positions: positions, values: rest.removeFirst())
            case .fixed: break
            }
        }
    }

    /// The sum of the terms, [m, n].
    func matrix() throws -> Matrix {
        var sum = Matrix(zeros: rows, columns)
        for term in terms {
            switch term {
            case .lowRank(let u, let v): sum = sum + u.times(v)
            case .sparse(let positions, let values):
                for (slot, position) in positions.enumerated() { sum.elements[Int(position)] += values[slot] }
            case .fixed(let payload): sum = sum + (try payload.densifiedMatrix())
            }
        }
        return sum
    }

    /// The gradients of `parts` from that of the matrix: dU = G Vᵀ, dV = Uᵀ G, dS = G on the positions.
    func partGradients(_ gradient: Matrix) -> [[Float]] {
        terms.flatMap { term -> [[Float]] in
            switch term {
            case .lowRank(let u, let v):
                return [gradient.times(v, otherAs: .transposed).elements, u.times(gradient, .transposed).elements]
            case .sparse(let positions, _): return [positions.map { gradient.elements[Int($0)] }]
            case .fixed: return []
            }
        }
    }

    /// The payload with the terms as they were stored and the values as they are now.
    func payload(like original: Payload) throws -> Payload {
        let new = try zip(terms, original.terms).map { term, old -> Payload in
            switch (term, old) {
            case (.lowRank(let u, let v), .lowRank(let factors)):
                return .lowRank(try LowRankTensor(u: try factors.u.refilled(u.elements), v: try factors.v.refilled(v.elements)))
            case (.sparse(_, let values), .sparse(let sparse)):
                return .sparse(try SparseTensor(pattern: sparse.pattern, values: try sparse.values.refilled(values)))
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
