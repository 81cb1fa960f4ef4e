import BuiltIns
import Calibration
import Execution
import LinearAlgebra
import ModelGraph
import Models
import PassKit
import Synchronization

/// The steps of the policy gradient of `prune-probabilistic`: what they take beyond the forward passes that they ask for.
struct AllocationWork {
    private let arguments: WorkArguments
    private let clock = StageClock(stage: "policy gradient")

    init(_ arguments: WorkArguments) { self.arguments = arguments }

    /// pipeline: one that ends with the pass; tokens, context: the calibration set. Seconds are those of one step; the figure
    /// `forward` is the part of them that the forward passes take, `overhead` the rest over that.
    func run() throws -> Timings {
        let execution = try arguments.execution(clock)
        let model = try openedModel(at: arguments.input, execution)
        var graph = model.graph
        let sequences = TokenSequences(try tokens(at: try arguments.text("tokens"), length: try arguments.integer("context")))
        let calibration = TimedCalibration(try CalibrationModel(model, tokens: sequences, execution), while: clock)
        let context = PassContext(execution: execution, seed: 0, original: graph, calibration: calibration)
        let manager = try PassManager(try Pipeline(parsing: try arguments.text("pipeline")), catalog: Registry.builtIn.passes)
        _ = try manager.run(&graph, context)
        guard clock.steps > 0 else { throw WorkError("the pipeline made no step of policy gradient") }
        let (steps, forward) = (Double(clock.steps), calibration.seconds)
        return Timings(
            seconds: clock.seconds / steps,
            figures: [("forward", forward / steps), ("overhead", (clock.seconds - forward) / forward), ("steps", steps)])
    }
}

/// Seconds and steps of one stage of a pass.
///
/// Safe to share: the pass tells of its stages from the one thread that it runs on.
private final class StageClock: Progress, @unchecked Sendable {
    private let stage: String
    private var started: Double?
    private(set) var seconds = 0.0
    private(set) var steps = 0

    init(stage: String) { self.stage = stage }

    var isRunning: Bool { started != nil }

    func begin(_ stage: String, total: Int, unit: String) {
        if stage == self.stage { started = now() }
    }

    func advance(by units: Int, remark: String) {
        if isRunning { steps += units }
    }

    func end() {
        if let started { seconds += now() - started }
        started = nil
    }
}

/// A calibration that adds up the time of the losses asked for during a stage.
private final class TimedCalibration: CalibrationProvider {
    private let base: any CalibrationProvider
    private let clock: StageClock
    private(set) var seconds = 0.0

    init(_ base: any CalibrationProvider, while clock: StageClock) { (self.base, self.clock) = (base, clock) }

    var sequenceCount: Int { base.sequenceCount }
    var scoredTokensPerSequence: Int { base.scoredTokensPerSequence }
    var gradients: (any GradientProvider)? { base.gradients }

    func losses(sequences: [Int], replacing weights: ReplacedWeights) throws -> [Double] {
        let start = now()
        defer { if clock.isRunning { seconds += now() - start } }
        return try base.losses(sequences: sequences, replacing: weights)
    }

    func losses(sequences: [Int], of graph: TensorGraph) throws -> [Double] { try base.losses(sequences: sequences, of: graph) }

    func forEachLoss(
        sequences: [Int], replacingEach names: [String], by weight: (Int) throws -> Matrix, _ body: (Int, [Double]) throws -> Void
    ) throws {
        try base.forEachLoss(sequences: sequences, replacingEach: names, by: weight, body)
    }

    func forEachSecondMoment(
        of isWanted: (InputGroup) -> Bool, at homes: (InputGroup) -> [Int]?, _ body: (InputGroup, Matrix?) throws -> Void
    ) throws {
        try base.forEachSecondMoment(of: isWanted, at: homes, body)
    }

    func forEachBlock(_ replace: ([(group: InputGroup, secondMoment: Matrix)]) throws -> ReplacedWeights) throws {
        try base.forEachBlock(replace)
    }
}
