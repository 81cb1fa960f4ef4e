import LinearAlgebra
import ModelGraph

/// A model as a base and low-rank updates of it: what LoRA is, read backwards.
public struct LowRankSplit {
    /// U [out, r] and V [r, in] of one linear layer.
    public struct Factors {
        public let name: String
        public let u: Matrix
        public let v: Matrix
        /// Whether the checkpoint stores the layer's weight as [in, out].
        public let isTransposedInCheckpoint: Bool

        public var rank: Int { u.columns }
    }

    /// The graph without the low-rank terms of `factors`; a tensor that had no other is zero.
    public let base: TensorGraph
    /// In the order of the graph.
    public let factors: [Factors]
    /// Tensors whose low-rank terms stay in the base, each with the reason.
    public let leftAlone: [(name: String, reason: String)]

    /// The largest rank, 0 without factors.
    public var largestRank: Int { factors.map(\.rank).max() ?? 0 }

    /// - Parameter canAdapt: why an adapter cannot hold a tensor's factors; nil where it can.
    /// - Throws: `GraphError` for factors that cannot be computed with.
    public init(_ graph: TensorGraph, reasonAgainst: (Tensor) -> String?) throws {
        var factors: [Factors] = []
        var leftAlone: [(name: String, reason: String)] = []
        base = try graph.mapTensors { tensor in
            let lowRank = tensor.payload.terms.compactMap { term -> LowRankTensor? in
                if case .lowRank(let term) = term { return term }
                return nil
            }.filter { $0.rank > 0 }
            guard !lowRank.isEmpty else { return tensor }
            if let reason = reasonAgainst(tensor) {
                leftAlone.append((tensor.name, reason))
                return tensor
            }
            factors.append(try LowRankSplit.joined(lowRank, of: tensor))
            return tensor.with(try LowRankSplit.rest(tensor), dtype: tensor.dtype)
        }
        self.factors = factors
        self.leftAlone = leftAlone
    }

    /// The factors of a sum of products: U beside U', V above V'.
    private static func joined(_ terms: [LowRankTensor], of tensor: Tensor) throws -> Factors {
        let parts = try terms.map { (u: try $0.u.densifiedMatrix(), v: try $0.v.densifiedMatrix()) }
        func factors(_ u: Matrix, _ v: Matrix) -> Factors {
            Factors(name: tensor.name, u: u, v: v, isTransposedInCheckpoint: tensor.isTransposedInCheckpoint)
        }
        guard parts.count > 1 else { return factors(parts[0].u, parts[0].v) }
        let (rows, rank) = (parts[0].u.rows, parts.reduce(0) { $0 + $1.u.columns })
        var u = Matrix(zeros: rows, rank)
        var column = 0
        for part in parts {
            for row in 0..<rows { for k in 0..<part.u.columns { u[row, column + k] = part.u[row, k] } }
            column += part.u.columns
        }
        let v = Matrix(rows: rank, columns: parts[0].v.columns, elements: parts.flatMap(\.v.elements))
        return factors(u, v)
    }

    /// What is left of a tensor without its low-rank terms.
    private static func rest(_ tensor: Tensor) throws -> Payload {
        let others = tensor.payload.terms.filter { term in
            if case .lowRank = term { return false }
            return true
        }
        if others.isEmpty {
            let zeros = Matrix(zeros: tensor.shape.rows, tensor.shape.columns)
            return .sparse(try SparseTensor(nonZerosOf: zeros, dtype: tensor.dtype.isComputable ? tensor.dtype : .f32))
        }
        return others.count == 1 ? others[0] : .composite(others)
    }
}
