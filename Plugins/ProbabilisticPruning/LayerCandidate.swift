import CKernels
import LinearAlgebra

/// One linear layer as the priced allocation sees it: a low-rank part that is decided, and the entries of what is left, each
/// worth the output error that keeping it saves, R²ᵢⱼ · Hⱼⱼ, for one parameter.
struct LayerCandidate {
    let name: String
    let block: Int?
    /// The layer's weight W [m, n].
    let weight: Matrix
    /// The rank-one terms that are kept.
    let lowRank: SingularTriplets
    /// What a low-rank part saves of the output error, as `RankChoice` found it; nil where none was tried.
    let rankGain: Double?
    /// L, the product of `lowRank`; nil at rank 0.
    let lowRankMatrix: Matrix?
    /// R = W − L.
    let residual: Matrix
    /// R²ᵢⱼ · Hⱼⱼ, row-major.
    let scores: [Float]
    /// The scores, ascending.
    let sortedScores: [Float]
    /// Σ of the first i sorted scores in steps of `errorStride`: the output error of dropping that many entries.
    private let droppedError: [Double]
    private static let errorStride = 64

    var parameterCount: Int { weight.elements.count }
    var lowRankCost: Int { lowRank.rank * (weight.rows + weight.columns) }

    init(name: String, block: Int?, weight: Matrix, inputPower: [Float], lowRank: SingularTriplets, rankGain: Double? = nil) {
        self.name = name
        self.block = block
        self.weight = weight
        self.lowRank = lowRank
        self.rankGain = rankGain
        if lowRank.rank > 0 {
            let product = lowRank.product
            lowRankMatrix = product
            residual = weight - product
        } else {
            lowRankMatrix = nil
            residual = weight
        }
        let columns = weight.columns
        var scores = [Float](repeating: 0, count: residual.elements.count)
        residual.elements.withUnsafeBufferPointer { values in
            for row in 0..<weight.rows {
                for column in 0..<columns {
                    let value = values[row * columns + column]
                    scores[row * columns + column] = value * value * inputPower[column]
                }
            }
        }
        self.scores = scores
        sortedScores = scores.sorted()
        var sum = 0.0
        var table: [Double] = [0]
        for (index, score) in sortedScores.enumerated() {
            sum += Double(score)
            if (index + 1) % LayerCandidate.errorStride == 0 { table.append(sum) }
        }
        droppedError = table
    }

    /// How many entries have at least this score.
    func count(atLeast threshold: Float) -> Int {
        var low = 0
        var high = sortedScores.count
        while low < high {
            let middle = (low + high) / 2
            if sortedScores[middle] < threshold { low = middle + 1 } else { high = middle }
        }
        return sortedScores.count - low
    }

    /// The least score among the `kept` largest; above all scores for none.
    func threshold(keeping kept: Int) -> Float {
        kept <= 0 ? .infinity : sortedScores[max(sortedScores.count - kept, 0)]
    }

    /// Output error Σ R²ᵢⱼHⱼⱼ of keeping the `kept` best entries, to the nearest 64 entries.
    func outputError(keeping kept: Int) -> Double {
        let dropped = max(sortedScores.count - kept, 0)
        return droppedError[min(dropped / LayerCandidate.errorStride, droppedError.count - 1)]
    }

    /// L + the entries of R whose score is at least `threshold`.
    func matrix(threshold: Float) -> Matrix {
        var result = Matrix(rows: weight.rows, columns: weight.columns) { out in
            scores.withUnsafeBufferPointer { scores in
                residual.elements.withUnsafeBufferPointer { values in
                    caplet_mask_at_least(scores.baseAddress, threshold, values.baseAddress, out.baseAddress, out.count)
                }
            }
        }
        if let lowRankMatrix { result = result + lowRankMatrix }
        return result
    }
}
