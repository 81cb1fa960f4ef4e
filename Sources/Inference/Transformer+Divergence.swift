import CKernels
import Execution

/// What two models say of one token, given the tokens before it.
public struct TokenComparison: Sendable {
    /// Negative log-likelihood in nats.
    public let loss: Double
    /// That of the model that it is compared with.
    public let originalLoss: Double
    /// Σ p (log p − log q) in nats over the vocabulary: p are the original's probabilities, q the model's.
    public let divergence: Double
    /// Whether both find the same token the likeliest.
    public let agrees: Bool

    package init(loss: Double, originalLoss: Double, divergence: Double, agrees: Bool) {
        (self.loss, self.originalLoss, self.divergence, self.agrees) = (loss, originalLoss, divergence, agrees)
    }
}

extension Transformer {
    /// What this model and an original say of tokens 1… of each sequence, given those before them.
    ///
    /// - Returns: for each sequence, one value for each of its tokens but the first.
    /// - Throws: `ModelError.notCausal` for an encoder.
    public func comparisons(
        of sequences: [[Int32]], with original: Transformer, _ execution: ExecutionContext
    ) throws -> [[TokenComparison]] {
        guard isCausal, original.isCausal else { throw ModelError.notCausal }
        precondition(configuration.vocabularySize == original.configuration.vocabularySize, "two vocabularies")
        let (final, originalFinal) = (try finalHidden(sequences, execution), try original.finalHidden(sequences, execution))
        let (head, originalHead) = (try self.head(execution), try original.head(execution))
        return try execution.uncheckedParallelMap(sequences.count) { index in
            comparisons(sequences[index], final[index], head, originalFinal[index], originalHead, original)
        }
    }

    /// Logits are made for some positions at a time: of a large vocabulary those of all would be the largest buffer.
    private func comparisons(
        _ tokens: [Int32], _ hidden: [Float], _ head: OutputHead, _ originalHidden: [Float], _ originalHead: OutputHead,
        _ original: Transformer
    ) -> [TokenComparison] {
        let vocabulary = configuration.vocabularySize
        let (width, originalWidth) = (configuration.hiddenSize, original.configuration.hiddenSize)
        let chunk = max(1, min(256, (1 << 21) / vocabulary))
        var comparisons: [TokenComparison] = []
        for start in stride(from: 0, to: tokens.count - 1, by: chunk) {
            let count = min(chunk, tokens.count - 1 - start)
            var logits = self.logits(Array(hidden[start * width..<(start + count) * width]), tokens: count, head: head)
            let originalPart = Array(originalHidden[start * originalWidth..<(start + count) * originalWidth])
            let reference = original.logits(originalPart, tokens: count, head: originalHead)
            logits.withUnsafeMutableBufferPointer { logits in
                reference.withUnsafeBufferPointer { reference in
                    for row in 0..<count {
                        let rows = (row * vocabulary..<(row + 1) * vocabulary)
                        comparisons.append(
                            TokenComparison(
                                UnsafeMutableBufferPointer(rebasing: logits[rows]), UnsafeBufferPointer(rebasing: reference[rows]),
                                token: Int(tokens[start + row + 1])))
                    }
                }
            }
        }
        return comparisons
    }
}

extension TokenComparison {
    /// - Parameters:
    ///   - logits: of the model, [vocabulary]; they are written over.
    ///   - reference: of the original.
    fileprivate init(_ logits: UnsafeMutableBufferPointer<Float>, _ reference: UnsafeBufferPointer<Float>, token: Int) {
        let (own, other, count) = (logits.baseAddress!, reference.baseAddress!, logits.count)
        loss = caplet_log_sum_exp(own, count) - Double(own[token])
        originalLoss = caplet_log_sum_exp(other, count) - Double(other[token])
        agrees = TokenComparison.likeliest(UnsafeBufferPointer(logits)) == TokenComparison.likeliest(reference)
        // What rounding leaves of equal distributions may lie below 0.
        divergence = max(0, caplet_divergence_row(other, own, 1, count))
    }

    /// The first of the largest.
    private static func likeliest(_ logits: UnsafeBufferPointer<Float>) -> Int {
        var (best, largest) = (0, -Float.infinity)
        for index in logits.indices where logits[index] > largest { (best, largest) = (index, logits[index]) }
        return best
    }
}
