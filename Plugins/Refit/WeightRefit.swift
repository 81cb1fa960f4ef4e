import GradientFitting
import LinearAlgebra
import ModelGraph

/// Fits the terms of a pruned matrix to the original weight alone: in turn S = W − L on its positions, and L the best of its rank for
/// W − S (Eckart and Young 1936). Every step lowers ‖W − L − S‖_F or leaves it.
struct WeightRefit {
    private static let rounds = 10

    /// Changes the values of `tensor`, whose codes do not move.
    func refit(_ tensor: RefitTensor, to weight: Matrix) throws {
        let hasRank = tensor.terms.contains { if case .lowRank = $0 { return true } else { return false } }
        let floats = tensor.values.floats
        func set(_ part: MovablePart, _ elements: [Float]) {
            for (slot, value) in elements.enumerated() { floats[part.range.lowerBound + slot] = value }
        }
        for _ in 0..<(hasRank && tensor.terms.count > 1 ? WeightRefit.rounds : 1) {
            for (index, term) in tensor.terms.enumerated() {
                if case .fixed = term { continue }
                let target = weight - (try tensor.matrix(tensor.values, leavingOut: index))
                switch term {
                case .lowRank(let u, let v, let rank):
                    let best = try target.leadingFactors(rank: rank)
                    set(u, best.u.elements)
                    set(v, best.v.elements)
                case .sparse(let part, let pattern): set(part, try pattern.positions().map { target.elements[Int($0)] })
                case .whole, .fixed: break
                }
            }
        }
    }
}

extension Matrix {
    /// U√Σ [m, r] and √ΣVᵀ [r, n] of the `rank` largest singular values.
    fileprivate func leadingFactors(rank: Int) throws -> (u: Matrix, v: Matrix) {
        let svd = try singularValueDecomposition()
        let roots = svd.singularValues.prefix(rank).map { max($0, 0).squareRoot() }
        let u = Matrix(rows: rows, columns: rank) { out in
            for i in 0..<rows { for k in 0..<rank { out[i * rank + k] = svd.u[i, k] * roots[k] } }
        }
        let v = Matrix(rows: rank, columns: columns) { out in
            for k in 0..<rank { for j in 0..<columns { out[k * columns + j] = svd.vTransposed[k, j] * roots[k] } }
        }
        return (u, v)
    }
}
