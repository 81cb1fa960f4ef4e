import CLibrary
import LinearAlgebra
import PassKit

/// The steps of so many passes over a calibration set: which sequences each is taken on, and how large it is.
public struct TrainingSteps: Sendable {
    private let count: Int
    private let batch: Int
    private let rate: Double
    private let seed: UInt64
    private let firstRound: Int
    private let stepsAPass: Int
    public let total: Int

    /// Steps over which the rate rises to its full value.
    private static let warmUp = 10

    /// - Parameters:
    ///   - count: of the set.
    ///   - batch: sequences a step.
    ///   - rate: of a step, at its largest.
    ///   - firstRound: passes that were made before these, whose orders are others.
    public init(sequences count: Int, passes: Int, batch: Int, rate: Double, seed: UInt64, firstRound: Int = 0) {
        (self.count, self.batch, self.rate, self.seed, self.firstRound) = (count, batch, rate, seed, firstRound)
        stepsAPass = (count + batch - 1) / batch
        total = stepsAPass * passes
    }

    /// Those of a step, from 0: each pass is over all sequences in an order of its own.
    public func sequences(_ step: Int) -> [Int] {
        let (pass, slot) = step.quotientAndRemainder(dividingBy: stepsAPass)
        let order = CounterGenerator(seed: seed, stream: UInt64(firstRound + pass)).permutation(of: count)
        return Array(order[slot * batch..<min((slot + 1) * batch, count)])
    }

    /// See `share(_:of:)`.
    public func rate(_ step: Int) -> Double { rate * Self.share(step, of: total) }

    /// Of the largest step: rises in a straight line, while it falls as a cosine to 0.
    static func share(_ step: Int, of total: Int) -> Double {
        min(1, Double(step + 1) / Double(warmUp)) * 0.5 * (1 + cos(Double.pi * Double(step) / Double(max(total, 1))))
    }
}

extension RefitObjective {
    /// The mean over some sequences, and the gradient of each of the tensors that move, by its place among `names`.
    ///
    /// - Throws: `PassError` where gradients of some are not known.
    public func value(
        sequences: [Int], replacing weights: ReplacedWeights, moving names: [String], pass: String,
        _ body: @escaping (_ index: Int, Matrix) throws -> Void
    ) throws -> Double {
        let slots = Dictionary(uniqueKeysWithValues: names.enumerated().map { ($1, $0) })
        var found = 0
        let value = try value(sequences: sequences, replacing: weights) { name, gradient in
            guard let index = slots[name] else { return }
            try body(index, gradient)
            found += 1
        }
        guard found == names.count else {
            throw PassError(.unsupported, pass: pass, "gradients of \(names.count - found) tensors are not known")
        }
        return value
    }
}
