import CLibrary
import LinearAlgebra

/// The pruning rates of one layer as combinations of candidate rates, and the mask that follows (BESA, arXiv 2402.16880, section 3.2).
///
/// Candidate d of D prunes the ⌈d·n/D⌉ least important entries of each row of n, d = 0…D − 1; β = softmax(θ) says how much each counts. An entry of
/// bucket k, k = ⌊D·rank/n⌋ from the least important, is pruned with probability P(k) = Σ over d > k of β_d, so that the mean of P over buckets is
/// the rate α = Σ β_d·d/D, and the last bucket always stays. The mask prunes where P(k) ≥ α. Its gradient is that of 1 − P, straight through the step.
struct PruningRates {
    let weight: Matrix
    /// Of each entry, among those of its row from the least important.
    private let ranks: [UInt32]
    /// Rows that share a rate: all of them, or one.
    let rowsAGroup: Int
    let candidates: Int
    /// θ [groups, D], and the moments of Adam.
    private(set) var logits: [Double]
    private var (mean, square): ([Double], [Double])

    var groupCount: Int { weight.rows / max(rowsAGroup, 1) }
    /// Entries of a group.
    var groupSize: Int { rowsAGroup * weight.columns }

    /// The width of the rates that a group begins with, around the one that is aimed at.
    private static let spread = 0.1
    private static let decay: (mean: Double, square: Double) = (0.9, 0.999)

    /// - Parameters:
    ///   - norms: of the inputs: entries are as important as |W_ij|·‖X_j‖ (Wanda, equation 1). Of equal ones the first are pruned first.
    ///   - sparsity: what the rates begin near.
    init(_ weight: Matrix, norms: [Float], candidates: Int, perRow: Bool, sparsity: Double) {
        self.weight = weight
        self.candidates = candidates
        rowsAGroup = perRow ? 1 : weight.rows
        let n = weight.columns
        var ranks = [UInt32](repeating: 0, count: weight.elements.count)
        for row in 0..<weight.rows {
            let scores = (0..<n).map { abs(weight.elements[row * n + $0] * norms[$0]) }
            for (rank, column) in (0..<n).sorted(by: { (scores[$0], $0) < (scores[$1], $1) }).enumerated() {
                ranks[row * n + column] = UInt32(rank)
            }
        }
        self.ranks = ranks
        let one = (0..<candidates).map { d -> Double in
            let off = (Double(d) / Double(candidates) - sparsity) / PruningRates.spread
            return -off * off / 2
        }
        let groups = weight.rows / max(rowsAGroup, 1)
        logits = (0..<groups).flatMap { _ in one }
        mean = [Double](repeating: 0, count: logits.count)
        square = mean
    }

    /// θ in place of what it is.
    mutating func set(logits: [Double]) { self.logits = logits }

    private func bucket(_ rank: UInt32) -> Int { Int(rank) * candidates / max(weight.columns, 1) }

    /// β of a group.
    func shares(_ group: Int) -> [Double] {
        let own = logits[group * candidates..<(group + 1) * candidates]
        let largest = own.max() ?? 0
        let powers = own.map { exp($0 - largest) }
        let sum = powers.reduce(0, +)
        return powers.map { $0 / sum }
    }

    /// Σ β_d·d/D.
    func rate(_ shares: [Double]) -> Double {
        shares.enumerated().reduce(0) { $0 + $1.element * Double($1.offset) } / Double(candidates)
    }

    /// Buckets that the mask of a group prunes: those before this one.
    func prunedBuckets(_ group: Int) -> Int {
        let shares = shares(group)
        let rate = rate(shares)
        var probability = 1 - shares[0]
        var bucket = 0
        while bucket < candidates - 1, probability >= rate, probability > 0 {
            bucket += 1
            probability -= shares[bucket]
        }
        return bucket
    }

    /// Entries of a row of which bucket k and those before it are pruned: ranks with ⌊D·rank/n⌋ < k.
    private func pruned(before bucket: Int) -> Int { (bucket * weight.columns + candidates - 1) / candidates }

    /// The share of a group's entries that its mask prunes.
    func sparsity(_ group: Int) -> Double { Double(pruned(before: prunedBuckets(group))) / Double(max(weight.columns, 1)) }

    /// Entries that all masks prune.
    var prunedCount: Int { (0..<groupCount).reduce(0) { $0 + rowsAGroup * pruned(before: prunedBuckets($1)) } }

    /// W ⊙ M.
    func masked() -> Matrix { masked { pruned(before: prunedBuckets($0 / rowsAGroup)) } }

    /// The weight without so many of the least important entries of each row.
    func masked(_ pruned: (_ row: Int) -> Int) -> Matrix {
        var kept = weight
        for row in 0..<weight.rows {
            let count = pruned(row)
            for i in row * weight.columns..<(row + 1) * weight.columns where ranks[i] < count { kept.elements[i] = 0 }
        }
        return kept
    }

    /// The gradient of a loss with respect to θ.
    ///
    /// - Parameters:
    ///   - gradient: of the loss, with respect to W ⊙ M.
    ///   - ofRates: of the loss, with respect to the share of a group's entries that is pruned, as ∂/∂α.
    func gradient(_ gradient: Matrix, ofRates: Double) -> [Double] {
        var result = [Double](repeating: 0, count: logits.count)
        for group in 0..<groupCount {
            // ∂L/∂M summed over each bucket; ∂M/∂P = −1 and ∂P(k)/∂β_d = 1 for d > k.
            var sums = [Double](repeating: 0, count: candidates)
            for i in group * groupSize..<(group + 1) * groupSize {
                sums[bucket(ranks[i])] += Double(gradient.elements[i]) * Double(weight.elements[i])
            }
            let shares = shares(group)
            var ofShares = [Double](repeating: 0, count: candidates)
            var before = 0.0
            for d in 0..<candidates {
                ofShares[d] = ofRates * Double(d) / Double(candidates) - before
                before += sums[d]
            }
            let middle = zip(shares, ofShares).reduce(0) { $0 + $1.0 * $1.1 }
            for d in 0..<candidates { result[group * candidates + d] = shares[d] * (ofShares[d] - middle) }
        }
        return result
    }

    /// A step of Adam (Kingma and Ba 2015, algorithm 1).
    ///
    /// - Parameter step: from 1.
    mutating func move(against gradient: [Double], rate: Double, step: Int) {
        let (b1, b2) = PruningRates.decay
        let (c1, c2) = (1 - pow(b1, Double(step)), 1 - pow(b2, Double(step)))
        for i in logits.indices {
            mean[i] = b1 * mean[i] + (1 - b1) * gradient[i]
            square[i] = b2 * square[i] + (1 - b2) * gradient[i] * gradient[i]
            logits[i] -= rate * (mean[i] / c1) / ((square[i] / c2).squareRoot() + 1e-12)
        }
    }
}
