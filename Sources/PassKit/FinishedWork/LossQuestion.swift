/// What a calibration set was asked: the losses of some sequences under some weights. Equal questions have equal answers, in whatever order
/// they are asked.
public struct LossQuestion: Codable, Hashable, Sendable {
    /// Which of the sets that a pass is given.
    public enum CalibrationSet: String, Codable, Sendable {
        case calibration
        case heldBack
    }

    /// The one that was asked.
    public let set: CalibrationSet
    /// By number, in the order of the answer.
    public let sequences: [Int]
    /// The digest of the weights, as `WeightsDigest` makes it.
    public let weights: String

    public init(set: CalibrationSet, sequences: [Int], weights: String) {
        (self.set, self.sequences, self.weights) = (set, sequences, weights)
    }
}

/// The answer to one question.
public struct FinishedLosses: Codable, Sendable {
    /// What was asked.
    public let question: LossQuestion
    /// Of each sequence.
    public let losses: [Double]

    public init(_ question: LossQuestion, _ losses: [Double]) { (self.question, self.losses) = (question, losses) }
}
