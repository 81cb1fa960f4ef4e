import CKernels
import Execution
import Matrices

extension Transformer {
    /// Negative log-likelihoods in nats of tokens 1… of each sequence given those before it.
    ///
    /// - Parameters:
    ///   - sequences: token sequences, each scored by itself.
    ///   - replacements: matrices [out, in] that stand in for linear layers' weights, by tensor name.
    /// - Returns: for each sequence, one value for each of its tokens but the first.
    public func tokenLosses(
        _ sequences: [[Int32]], replacing replacements: ReplacedWeights = [:], _ execution: ExecutionContext
    ) throws -> [[Double]] {
        try tokenLosses(sequences, continuing: try embed(sequences), from: 0, replacing: replacements, execution)
    }

    /// The same, from the hidden states that enter block `first` on.
    public func tokenLosses(
        _ sequences: [[Int32]], continuing start: Activations, from first: Int, replacing replacements: ReplacedWeights,
        _ execution: ExecutionContext
    ) throws -> [[Double]] {
        guard isCausal else { throw ModelError.notCausal }
        let final = try finalHidden(continuing: start, from: first, replacing: replacements, execution)
        let head = try self.head(execution)
        return try execution.uncheckedParallelMap(sequences.count) { index in
            tokenLosses(final[index], sequences[index], head)
        }
    }

    /// The same, of hidden states that have left the last block.
    public func tokenLosses(_ sequences: [[Int32]], final states: HiddenStates, _ execution: ExecutionContext) throws -> [[Double]] {
        guard isCausal else { throw ModelError.notCausal }
        let head = try self.head(execution)
        return try execution.uncheckedParallelMap(sequences.count) { tokenLosses(states[$0], sequences[$0], head) }
    }

    /// Logits are made for some positions at a time: of a large vocabulary those of all would be the largest buffer.
    private func tokenLosses(_ hidden: [Float], _ tokens: [Int32], _ head: OutputHead) -> [Double] {
        let (width, vocabulary) = (configuration.hiddenSize, configuration.vocabularySize)
        let chunk = max(1, min(256, (1 << 22) / vocabulary))
        var losses: [Double] = []
        losses.reserveCapacity(max(tokens.count - 1, 0))
        for start in stride(from: 0, to: tokens.count - 1, by: chunk) {
            let count = min(chunk, tokens.count - 1 - start)
            let part = Array(hidden[start * width..<(start + count) * width])
            let logits = self.logits(part, tokens: count, head: head)
            logits.withUnsafeBufferPointer { logits in
                for row in 0..<count {
                    let base = logits.baseAddress! + row * vocabulary
                    let target = Int(tokens[start + row + 1])
                    losses.append(caplet_log_sum_exp(base, vocabulary) - Double(base[target]))
                }
            }
        }
        return losses
    }
}

extension Transformer {
    /// Negative log-likelihoods in nats of tokens at positions of sequences, given the whole sequences: what an encoder with a head
    /// predicts where a token is masked.
    ///
    /// - Parameter targets: for each sequence positions and what should stand there.
    /// - Throws: `ModelError.noHead` for an encoder without a head; `.badToken` for a target outside the vocabulary.
    public func losses(
        of targets: [[(position: Int, token: Int32)]], in sequences: [[Int32]], _ execution: ExecutionContext
    ) throws -> [[Double]] {
        let head = try self.head()
        let final = try finalHidden(sequences, execution)
        let (width, vocabulary) = (configuration.hiddenSize, configuration.vocabularySize)
        for target in targets.joined() where target.token < 0 || Int(target.token) >= vocabulary {
            throw ModelError.badToken(target.token, vocabularySize: vocabulary)
        }
        return try execution.uncheckedParallelMap(sequences.count) { index in
            let rows = targets[index].flatMap { final[index][$0.position * width..<($0.position + 1) * width] }
            let logits = head.logits(rows, tokens: targets[index].count)
            return logits.withUnsafeBufferPointer { logits in
                targets[index].enumerated().map { row, target in
                    guard let base = logits.baseAddress.map({ $0 + row * vocabulary }) else { return 0 }
                    return caplet_log_sum_exp(base, vocabulary) - Double(base[Int(target.token)])
                }
            }
        }
    }
}
