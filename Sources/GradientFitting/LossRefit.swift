import LinearAlgebra
import ModelGraph
import PassKit

/// Moves the kept values of all tensors together, so that the model's predictions are the original's: the Kullback–Leibler divergence from
/// them is made small.
public struct LossRefit {
    private let pass: String
    private let settings: GradientSettings
    private let movable: MovableTensors
    private let context: PassContext
    private let alternative: String?

    /// - Parameters:
    ///   - pass: the name of the pass.
    ///   - alternative: what is told where the model has no gradients, beside that.
    public init(
        pass: String, _ settings: GradientSettings, _ movable: MovableTensors, _ context: PassContext, otherwise alternative: String? = nil
    ) {
        (self.pass, self.settings, self.movable, self.context, self.alternative) = (pass, settings, movable, context, alternative)
    }

    /// - Parameters:
    ///   - graph: the model as it is.
    ///   - part: which of several refits of the pass this is, for what an interrupted run has kept; nil for the only one.
    /// - Throws: `PassError` for a model without gradients, `Cancelled`.
    public func run(_ graph: TensorGraph, part: Int? = nil) throws -> RefitState {
        let (calibration, learning, gradients) = try context.requireGradients(for: pass, on: settings.text, otherwise: alternative)
        let execution = context.execution
        let refitter = GradientRefit(
            pass: pass, settings, seed: context.seed, fixed: ReplacedWeights(storing: movable.others, execution), execution)
        execution.progress.begin(stage(part), total: refitter.work(sequences: calibration.sequenceCount), unit: "sequences")
        defer { execution.progress.end() }
        return try refitter.run(
            { try movable.tensors.map { try RefitTensor($0, movesScales: true, execution) } }, try gradients.divergence(of: graph),
            sequences: learning.sequenceCount, calibration: calibration.sequenceCount,
            from: context.snapshot.flatMap { RefitState.isSnapshot($0, of: part) ? $0 : nil }
        ) { state in try context.keepSnapshot { try state.snapshot(of: part) } }
    }

    private func stage(_ part: Int?) -> String { part.map { "\(pass), refit \($0 + 1)" } ?? pass }
}

extension RefitState {
    /// Adds what a refit of the whole model's loss came to.
    ///
    /// - Parameter sequences: of the calibration set.
    public func report(in report: inout PassReport, sequences: Int) {
        report.curves.append(Curve(name: "divergence of each step", values: steps))
        report.curves.append(Curve(name: "held-back divergence after each pass", values: heldBack))
        let (before, after) = (heldBack[0], heldBack.min() ?? 0)
        report.measure("divergence.heldBack.before", before)
        report.measure("divergence.heldBack.after", after)
        report.measure("rate", rate)
        report.measure("forwardPasses", 1 + forwardPasses(sequences))
        report.notes.append("held-back divergence from the original: \(rounded(before)) before, \(rounded(after)) after, nats a token")
    }
}
