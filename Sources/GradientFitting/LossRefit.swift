import Execution
import LinearAlgebra
import ModelGraph
import PassKit

/// Moves the kept values of all layers together, so that an objective of the whole model becomes small.
public struct LossRefit {
    private let pass: String
    private let settings: GradientSettings
    private let movable: MovableTensors
    private let kinds: MovableKinds
    private let context: PassContext

    /// What the objective is called in a report.
    public struct Names: Sendable {
        /// Such as "divergence".
        let figure: String
        /// Such as "divergence from the original".
        let text: String

        public init(figure: String, text: String) { (self.figure, self.text) = (figure, text) }
    }

    /// - Parameters:
    ///   - pass: the name of the pass.
    ///   - kinds: what of the movable tensors moves.
    public init(pass: String, _ settings: GradientSettings, _ movable: MovableTensors, _ kinds: MovableKinds, _ context: PassContext) {
        (self.pass, self.settings, self.movable, self.kinds, self.context) = (pass, settings, movable, kinds, context)
    }

    /// - Parameters:
    ///   - names: what the objective is called.
    ///   - alternative: what is told where the model has no gradients, beside that.
    /// - Returns: what became of the tensors, in their order.
    /// - Throws: `PassError` for a model without gradients, `Cancelled`.
    public func run(
        _ names: Names, otherwise alternative: String? = nil, _ report: inout PassReport,
        _ objective: (any GradientProvider) throws -> any RefitObjective
    ) throws -> [(Payload, TensorReport)] {
        let state = try state(otherwise: alternative, objective)
        report.curves.append(Curve(name: "\(names.figure) of each step", values: state.steps))
        report.curves.append(Curve(name: "held-back \(names.figure) after each pass", values: state.heldBack))
        let (before, after) = (state.heldBack[0], state.heldBack.min() ?? 0)
        report.measure("\(names.figure).heldBack.before", before)
        report.measure("\(names.figure).heldBack.after", after)
        report.measure("rate", state.rate)
        report.measure("forwardPasses", 1 + state.forwardPasses(try context.requireCalibration(for: pass).sequenceCount))
        report.notes.append("held-back \(names.text): \(rounded(before)) before, \(rounded(after)) after, nats a token")
        return try movable.tensors.indices.map { index in
            try context.finishingMoved(movable.tensors[index]) { try state.tensors[index].payload(state.best[index]) }
        }
    }

    /// Where the refit ends, of tensors that become something else before they are the pass's result.
    ///
    /// - Parameter part: which of several refits of the pass this is, for what an interrupted run has kept; nil for the only one.
    /// - Throws: `PassError` for a model without gradients, `Cancelled`.
    public func state(
        part: Int? = nil, otherwise alternative: String? = nil, _ objective: (any GradientProvider) throws -> any RefitObjective
    ) throws -> RefitState {
        let execution = context.execution
        let (calibration, learning, gradients) = try context.requireGradients(for: pass, on: settings.text, otherwise: alternative)
        let refitter = GradientRefit(
            pass: pass, settings, seed: context.seed, fixed: ReplacedWeights(storing: movable.others, execution), execution)
        let stage = part.map { "\(pass), refit \($0 + 1)" } ?? pass
        execution.progress.begin(stage, total: refitter.work(sequences: calibration.sequenceCount), unit: "sequences")
        defer { execution.progress.end() }
        return try refitter.run(
            { try movable.tensors.map { try RefitTensor($0, kinds, execution) } }, try objective(gradients),
            sequences: learning.sequenceCount, calibration: calibration.sequenceCount,
            from: context.snapshot.flatMap { RefitState.isSnapshot($0, of: part) ? $0 : nil }
        ) { state in try context.keepSnapshot { try state.snapshot(of: part) } }
    }
}
