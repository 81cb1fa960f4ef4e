import Execution
import Inference

/// The hidden states of a calibration set, each rank's those of its own range of sequences.
final class SharedStates {
    let states: HiddenStates
    private let ranges: [Range<Int>]
    private let ensemble: any Ensemble
    private let tokenCounts: [Int]
    private let width: Int

    /// The embeddings of sequences.
    convenience init(_ sequences: [[Int32]], of model: Transformer, _ execution: ExecutionContext) throws {
        let ranges = Shares.ranges(sequences.count, among: execution.ensemble.count)
        let states = try HiddenStates(Array(sequences[ranges[execution.ensemble.rank]]), of: model, execution)
        self.init(states, ranges, sequences.map(\.count), width: model.configuration.hiddenSize, execution.ensemble)
    }

    private init(_ states: HiddenStates, _ ranges: [Range<Int>], _ tokenCounts: [Int], width: Int, _ ensemble: any Ensemble) {
        (self.states, self.ranges, self.tokenCounts, self.width, self.ensemble) = (states, ranges, tokenCounts, width, ensemble)
    }

    /// The same states, for another way through the model.
    func copy(_ execution: ExecutionContext) throws -> SharedStates {
        SharedStates(try states.copy(execution), ranges, tokenCounts, width: width, ensemble)
    }

    /// Those of chosen sequences, for the ranks that work on them. All ranks call it.
    ///
    /// - Parameters:
    ///   - chosen: by number.
    ///   - shares: the places in `chosen` of each rank.
    /// - Returns: those of this rank's places, in order.
    func some(_ chosen: [Int], _ shares: [Range<Int>]) throws -> Transformer.Activations {
        var (found, counts) = ([[Float]](), [Int]())
        for (user, places) in shares.enumerated() {
            for sequence in chosen[places] {
                let holder = ranges.firstIndex { $0.contains(sequence) } ?? 0
                if let hidden = try one(sequence, holder: holder, user: user) {
                    found.append(hidden)
                    counts.append(tokenCounts[sequence])
                }
            }
        }
        return Transformer.Activations(hidden: found, tokenCounts: counts)
    }

    /// Those of a sequence, brought from the rank that has them to the one that works on them; nil elsewhere.
    private func one(_ sequence: Int, holder: Int, user: Int) throws -> [Float]? {
        let rank = ensemble.rank
        if rank == holder {
            let own = states[sequence - ranges[holder].lowerBound]
            if user == rank { return own }
            try own.withUnsafeBytes { try ensemble.send($0, to: user) }
        } else if rank == user {
            var hidden = [Float](repeating: 0, count: tokenCounts[sequence] * width)
            try hidden.withUnsafeMutableBytes { try ensemble.receive($0, from: holder) }
            return hidden
        }
        return nil
    }
}
