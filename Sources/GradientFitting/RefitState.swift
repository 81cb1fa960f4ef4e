import ModelGraph
import PassKit

/// Where a refit stands between two steps.
public final class RefitState {
    /// Rates that were tried before this one and given up.
    let trial: Int
    /// Steps at this rate so far.
    var step = 0
    /// What moves.
    public let tensors: [RefitTensor]
    let optimizers: [AdamOptimizer]
    /// The values of each tensor that were best on what is held back.
    public let best: [FloatBuffer]
    /// Size of a step.
    public let rate: Double
    /// The objective of each step on its batch.
    public internal(set) var steps: [Double] = []
    /// On what is held back: at the start, then after each pass.
    public internal(set) var heldBack: [Double]
    /// Sequences that the objective was asked for, without and with gradients; rates that were tried and given up are not in it.
    var sequences = (forward: 0, gradients: 0)

    /// The beginning of a trial.
    ///
    /// - Parameters:
    ///   - tensors: with the values that the refit begins with.
    ///   - before: the held-back objective there.
    init(_ tensors: [RefitTensor], trial: Int, rate: Double, before: Double) throws {
        (self.tensors, self.trial, self.rate, heldBack) = (tensors, trial, rate, [before])
        optimizers = try tensors.map { try AdamOptimizer($0) }
        best = try tensors.map { tensor in
            let buffer = try FloatBuffer(zeros: tensor.values.count, tensor.execution.memory)
            buffer.set(tensor.values)
            return buffer
        }
    }

    /// Forward passes over `count` sequences: with gradients a sequence is run forward twice and back once, which is as much again.
    public func forwardPasses(_ count: Int) -> Double { Double(sequences.forward + 4 * sequences.gradients) / Double(max(count, 1)) }

    /// Takes the values as they are for the best.
    func keepBest() {
        for (buffer, tensor) in zip(best, tensors) { buffer.set(tensor.values) }
    }
}

extension RefitState {
    private enum Numbers {
        static let place = "trial, step, sequences forward, with gradients"
        static let rate = "rate"
        static let steps = "objective of each step"
        static let heldBack = "held-back objective"
        static let part = "block"
    }

    private enum Arrays: String, CaseIterable {
        case values
        case best = "best values"
        case mean = "first moments"
        case square = "second moments"
    }

    private func buffer(_ which: Arrays, _ index: Int) -> FloatBuffer {
        switch which {
        case .values: return tensors[index].values
        case .best: return best[index]
        case .mean: return optimizers[index].mean
        case .square: return optimizers[index].square
        }
    }

    /// - Parameter part: which of several refits of a pass it is, such as the block that is refitted; nil for the only one.
    public func snapshot(of part: Int?) throws -> PassSnapshot {
        var snapshot = PassSnapshot()
        snapshot.numbers = [
            Numbers.place: [trial, step, sequences.forward, sequences.gradients].map(Double.init),
            Numbers.rate: [rate], Numbers.steps: steps, Numbers.heldBack: heldBack,
        ]
        if let part { snapshot.numbers[Numbers.part] = [Double(part)] }
        for (index, tensor) in tensors.enumerated() {
            for which in Arrays.allCases {
                try snapshot.set("\(tensor.name): \(which.rawValue)", buffer(which, index))
            }
        }
        return snapshot
    }

    /// Whether a snapshot is one of this refit among several, or of the only one.
    public static func isSnapshot(_ snapshot: PassSnapshot, of part: Int?) -> Bool {
        snapshot.numbers[Numbers.part] == part.map { [Double($0)] }
    }

    /// What `snapshot` was made of.
    ///
    /// - Parameter tensors: with the values that the refit began with.
    /// - Throws: `PassError` for a snapshot of something else.
    convenience init(_ snapshot: PassSnapshot, _ tensors: [RefitTensor], pass: String) throws {
        let place = snapshot.numbers[Numbers.place]?.compactMap { Int(exactly: $0) } ?? []
        let (steps, heldBack) = (snapshot.numbers[Numbers.steps] ?? [], snapshot.numbers[Numbers.heldBack] ?? [])
        guard place.count == 4, place.allSatisfy({ $0 >= 0 }), steps.count == place[1], let rate = snapshot.numbers[Numbers.rate]?.first,
            let before = heldBack.first
        else { throw PassSnapshot.foreign(to: pass) }
        try self.init(tensors, trial: place[0], rate: rate, before: before)
        step = place[1]
        (self.steps, self.heldBack, sequences) = (steps, heldBack, (place[2], place[3]))
        for (index, tensor) in tensors.enumerated() {
            for which in Arrays.allCases {
                try snapshot.restore("\(tensor.name): \(which.rawValue)", to: buffer(which, index), pass: pass)
            }
        }
    }
}
