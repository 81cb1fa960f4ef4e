import ModelGraph
import PassKit

/// How many entries of each layer are kept: the same share of all, or more in blocks with more outliers.
///
/// OWL (Yin et al. 2023, arXiv 2310.05175, section 3.3): D_b is the share of block b's entries whose score |Wᵢⱼ|·‖Xⱼ‖₂ is above
/// M times the block's mean; the kept share of the block is keep + 2λ·(D_b − min D)/(max D − min D) − its mean over the blocks.
public struct LayerRatios: Sendable {
    /// The same sparsity for all, or OWL's.
    public enum Rule: String, CaseIterable, Sendable {
        case uniform, owl
    }

    /// The option `ratios`.
    public static let rule = ChoiceOption<Rule>("ratios", default: .uniform, "the same sparsity in every block, or less where outliers are")
    private static let outlier = NumberOption(
        "outlier", in: 1...1000, default: 5, "an outlier's score over the block's mean (M)", requires: [.equals(rule, .owl)])
    private static let lambda = NumberOption(
        "lambda", in: 0...0.5, default: 0.08, "half the spread of the blocks' sparsities", requires: [.equals(rule, .owl)])
    /// All of them, in the order of the help.
    public static let options: [any PassOption] = [rule, outlier, lambda]

    /// Whether every block has the same sparsity.
    public let areUniform: Bool
    private let multiple: Double
    private let lambda: Double

    public init(_ options: PassOptions) {
        areUniform = options[Self.rule] == .uniform
        multiple = options[Self.outlier]
        lambda = options[Self.lambda]
    }

    /// Entries to keep of each of the layers, together at most `keep` times all, rounded down.
    public func counts(_ layers: CalibratedLayers, keep: Double) throws -> [Int] {
        let sizes = layers.tensors.map { $0.shape.elementCount }
        let blocks = layers.tensors.map { layers.structure.block(of: $0.name) ?? -1 }
        let shares = areUniform ? [:] : try outlierShares(layers, blocks)
        guard let least = shares.values.min(), let most = shares.values.max(), most > least else {
            return sizes.map { ParameterBudget(keep: keep).parameters(of: $0) }
        }
        let offsets = blocks.map { 2 * lambda * ((shares[$0] ?? least) - least) / (most - least) }
        let kept = Self.shifted(offsets, sizes: sizes, keep: keep)
        return zip(kept, sizes).map { ParameterBudget(keep: $0).parameters(of: $1) }
    }

    /// Shares offset + ν, each between 0 and 1, with ν such that their mean over all entries is `keep` and not above.
    static func shifted(_ offsets: [Double], sizes: [Int], keep: Double) -> [Double] {
        let total = Double(sizes.reduce(0, +))
        func shares(_ shift: Double) -> [Double] { offsets.map { min(max($0 + shift, 0), 1) } }
        var (low, high) = (-(offsets.max() ?? 0), 1.0)
        for _ in 0..<60 {
            let middle = (low + high) / 2
            let mean = zip(shares(middle), sizes).reduce(0) { $0 + $1.0 * Double($1.1) } / total
            if mean > keep { high = middle } else { low = middle }
        }
        return shares(low)
    }

    /// D_b by block.
    private func outlierShares(_ layers: CalibratedLayers, _ blocks: [Int]) throws -> [Int: Double] {
        // The inputs' norms are small enough to keep for all layers; a block's mean is known only when all of it was seen.
        let norms = try layers.map("outliers") { try $0.requireInputNorms() }
        func overEntries(_ index: Int, _ body: (Double) -> Void) throws {
            let weight = try layers.tensors[index].finiteMatrix()
            for row in 0..<weight.rows {
                for column in 0..<weight.columns { body(Double(abs(weight[row, column]) * norms[index][column])) }
            }
        }
        let execution = layers.context.execution
        let sums = try execution.uncheckedParallelMap(norms.count) { index in
            var sum = 0.0
            try overEntries(index) { sum += $0 }
            return sum
        }
        var block: [Int: (sum: Double, entries: Int)] = [:]
        for (index, number) in blocks.enumerated() {
            block[number, default: (0, 0)].sum += sums[index]
            block[number, default: (0, 0)].entries += layers.tensors[index].shape.elementCount
        }
        let thresholds = block.mapValues { multiple * $0.sum / Double(max($0.entries, 1)) }
        let outliers = try execution.uncheckedParallelMap(norms.count) { index in
            let threshold = thresholds[blocks[index]] ?? .infinity
            var count = 0
            try overEntries(index) { if $0 > threshold { count += 1 } }
            return count
        }
        var counts: [Int: Int] = [:]
        for (index, number) in blocks.enumerated() { counts[number, default: 0] += outliers[index] }
        return counts.reduce(into: [:]) { $0[$1.key] = Double($1.value) / Double(max(block[$1.key]?.entries ?? 1, 1)) }
    }
}
