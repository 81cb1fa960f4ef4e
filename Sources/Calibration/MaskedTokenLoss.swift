import Execution
import Inference

/// The loss of an encoder that fills in masked tokens.
///
/// Every token but the special ones is masked once: a sequence is run `strideLength` times, each time with every so many-th token replaced
/// by the mask token, and the negative log-likelihoods of what was there are summed over the runs.
public struct MaskedTokenLoss {
    /// About the share of tokens that BERT was trained to fill in, 15 %.
    public static let strideLength = 7

    private let mask: Int32
    private let special: Set<Int32>

    /// - Parameter special: tokens that are never masked, such as those around a sentence.
    public init(mask: Int32, special: Set<Int32>) {
        self.mask = mask
        self.special = special
    }

    /// The sum of losses and the number of scored tokens of each sequence, in their order.
    public func sequenceLosses(
        of model: Transformer, over tokens: TokenSequences, _ execution: ExecutionContext
    ) throws -> [(sum: Double, count: Int)] {
        execution.progress.begin("evaluate", total: tokens.sequences.count, unit: "sequences")
        defer { execution.progress.end() }
        var losses: [(sum: Double, count: Int)] = []
        for sequence in tokens.sequences {
            let scored = sequence.indices.filter { !special.contains(sequence[$0]) }
            let runs = (0..<MaskedTokenLoss.strideLength).map { start in
                stride(from: start, to: scored.count, by: MaskedTokenLoss.strideLength).map { scored[$0] }
            }.filter { !$0.isEmpty }
            let masked = runs.map { positions in
                var ids = sequence
                for position in positions { ids[position] = mask }
                return ids
            }
            let targets = runs.map { positions in positions.map { (position: $0, token: sequence[$0]) } }
            let found = try model.losses(of: targets, in: masked, execution).joined()
            losses.append((found.reduce(0, +), found.count))
            execution.progress.advance(by: 1)
        }
        return losses
    }
}
