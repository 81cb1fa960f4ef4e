import Execution
import LayerwiseCompression
import LinearAlgebra
import ModelGraph

/// Decides how much of a layer's budget goes to rank-one terms of its RPCA low-rank part: only what they prove to be worth.
///
/// Terms are ordered by the output energy they carry, (vᵀHv) · Σ pᵢ(Wv)ᵢ² for prices p of the outputs. For a few ranks the output error that is left
/// when the rest of the budget goes to the best entries is compared; a rank that looks better than none is solved for real before
/// it is believed.
struct RankChoice {
    /// The layer's share of the budget, in parameters.
    let budget: Int
    /// What an error in each output counts, [m]; nil where all count alike.
    let outputPrices: [Float]?

    struct Choice {
        /// The terms to keep as factors of their best fit to W, possibly none.
        var terms: SingularTriplets
        /// One less the ratio of the layer's output error with the rank that looked best to that without rank, both solved within the
        /// same budget: what the rank saves, and below 0 what it would have cost. Nil where none looked better than none.
        var gain: Double?
    }

    /// - Parameters:
    ///   - candidates: right singular vectors as rows [k, n], orthonormal.
    func choose(_ weight: Matrix, candidates: Matrix, secondMoment h: Matrix, _ execution: ExecutionContext) throws -> Choice {
        let none = SingularTriplets.none(weight.rows, weight.columns)
        let cost = weight.rows + weight.columns
        let most = min(budget / (2 * cost), candidates.rows)
        guard most >= 1 else { return Choice(terms: none) }
        let power = (0..<h.rows).map { h[$0, $0] }
        let ordered = order(candidates, weight, h)
        let payload = Payload.dense(try DenseTensor(weight, dtype: .f32))
        func error(_ triplets: SingularTriplets) throws -> Double {
            try LayerCandidate(
                name: "", block: nil, weight: payload, inputPower: power, outputPrices: outputPrices, lowRank: triplets, execution
            )
            .outputError(keeping: budget - triplets.rank * cost)
        }
        var best = none
        var bestError = try error(none)
        var rank = 1
        while rank <= most {
            try execution.cancellation.check()
            let triplets = fit(weight, ordered.rows(0..<rank))
            let found = try error(triplets)
            if found < bestError { (best, bestError) = (triplets, found) }
            rank *= 2
        }
        guard best.rank > 0 else { return Choice(terms: none) }
        let solver = try LayerSolver(secondMoment: h, execution)
        let with = try solver.solve(weight, lowRank: best, entries: budget - best.rank * cost, outputPrices: outputPrices, execution)
        let without = try solver.solve(weight, lowRank: none, entries: budget, outputPrices: outputPrices, execution)
        let gain = without.outputError > 0 ? 1 - with.outputError / without.outputError : 0
        return Choice(terms: gain > 0 ? best : none, gain: gain)
    }

    /// What trying a layer's ranks costs, in additions and multiplications: a solve without rank, and one with it and what S is while L moves,
    /// about two more.
    static func operations(rows: Int, columns: Int, entries: Int) -> Double {
        3 * SparseSolver.operations(rows: rows, columns: columns, entries: entries)
    }

    /// The candidates by falling output energy.
    private func order(_ candidates: Matrix, _ weight: Matrix, _ h: Matrix) -> Matrix {
        let hv = candidates.times(h)  // [k, n]
        let wv = weight.times(candidates, otherAs: .transposed)  // [m, k]
        let energies = (0..<candidates.rows).map { k -> Double in
            var inputs = 0.0
            for j in 0..<candidates.columns { inputs += Double(candidates[k, j]) * Double(hv[k, j]) }
            var outputs = 0.0
            for i in 0..<wv.rows { outputs += Double(outputPrices?[i] ?? 1) * Double(wv[i, k]) * Double(wv[i, k]) }
            return inputs * outputs
        }
        let sorted = energies.indices.sorted { energies[$0] != energies[$1] ? energies[$0] > energies[$1] : $0 < $1 }
        return Matrix(rows: candidates.rows, columns: candidates.columns) { out in
            for (slot, k) in sorted.enumerated() {
                for j in 0..<candidates.columns { out[slot * candidates.columns + j] = candidates[k, j] }
            }
        }
    }

    /// The best fit of W on the span of some orthonormal rows: (W Vᵀ) V, as triplets with unit singular vectors on both sides.
    private func fit(_ weight: Matrix, _ v: Matrix) -> SingularTriplets {
        var u = weight.times(v, otherAs: .transposed)  // [m, r]
        var values: [Float] = []
        for k in 0..<v.rows {
            var squares = 0.0
            for i in 0..<u.rows { squares += Double(u[i, k]) * Double(u[i, k]) }
            let length = squares.squareRoot()
            values.append(Float(length))
            for i in 0..<u.rows where length > 0 { u[i, k] = Float(Double(u[i, k]) / length) }
        }
        return SingularTriplets(u: u, singularValues: values, vTransposed: v)
    }
}
