import LinearAlgebra
import ModelGraph

/// A calibration that counts what it is asked to run, so that a report can say what a pass cost.
public final class CountedCalibration: CalibrationProvider {
    private let base: any CalibrationProvider
    /// Forward passes of single sequences through the whole model; parts of the model count as that part.
    private var sequencePasses = 0.0

    public init(_ base: any CalibrationProvider) { self.base = base }

    /// Forward passes over the whole calibration set so far.
    public var forwardPasses: Double { sequencePasses / Double(max(sequenceCount, 1)) }

    public var sequenceCount: Int { base.sequenceCount }
    public var scoredTokensPerSequence: Int { base.scoredTokensPerSequence }
    public var warnings: [String] { base.warnings }
    public var gradients: (any GradientProvider)? { base.gradients }

    /// Adds what is asked of `gradients`, in forward passes over the set.
    public func count(forwardPasses: Double) { sequencePasses += forwardPasses * Double(sequenceCount) }

    public func losses(sequences: [Int], replacing weights: ReplacedWeights) throws -> [Double] {
        sequencePasses += Double(sequences.count)
        return try base.losses(sequences: sequences, replacing: weights)
    }

    public func losses(sequences: [Int], of graph: TensorGraph) throws -> [Double] {
        sequencePasses += Double(sequences.count)
        return try base.losses(sequences: sequences, of: graph)
    }

    /// Each from its own block on: half the model on the average, and one pass for the inputs of the blocks.
    public func forEachLoss(
        sequences: [Int], replacingEach names: [String], by weight: (Int) throws -> Matrix, _ body: (Int, [Double]) throws -> Void
    ) throws {
        sequencePasses += Double(sequences.count) * (1 + Double(names.count) / 2)
        try base.forEachLoss(sequences: sequences, replacingEach: names, by: weight, body)
    }

    /// A pass, however few groups are wanted: what a run that goes on is spared counts as in one that was not interrupted.
    public func forEachSecondMoment(
        of isWanted: (InputGroup) -> Bool, at homes: (InputGroup) -> [Int]?, _ body: (InputGroup, Matrix?) throws -> Void
    ) throws {
        sequencePasses += Double(sequenceCount)
        try base.forEachSecondMoment(of: isWanted, at: homes, body)
    }

    public func forEachInputNorms(_ body: (InputGroup, [Float]) throws -> Void) throws {
        sequencePasses += Double(sequenceCount)
        try base.forEachInputNorms(body)
    }

    public func forEachBlock(_ replace: ([(group: InputGroup, secondMoment: Matrix)]) throws -> ReplacedWeights) throws {
        sequencePasses += 2 * Double(sequenceCount)
        try base.forEachBlock(replace)
    }
}
