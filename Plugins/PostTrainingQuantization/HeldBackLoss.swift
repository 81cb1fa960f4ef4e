import CLibrary
import ModelGraph
import PassKit

/// The mean loss on text that errors were not fitted to, where there is any, beside the original model's.
struct HeldBackLoss {
    private let text: any CalibrationProvider
    private let isHeldBack: Bool
    /// Of the original model.
    let dense: Double

    /// - Throws: `PassError` without calibration.
    init(_ context: PassContext) throws {
        text = try context.heldBack ?? context.requireCalibration(for: QuantizePass.name)
        isHeldBack = context.heldBack != nil
        dense = try HeldBackLoss.loss(text, context.original)
    }

    private static func loss(_ text: any CalibrationProvider, _ graph: TensorGraph) throws -> Double {
        let losses = try text.losses(sequences: Array(0..<text.sequenceCount), of: graph)
        return losses.reduce(0, +) / Double(max(losses.count, 1))
    }

    /// By how much a graph's loss is above the original's: text of a finite length may like a model better that is a little worse, which counts
    /// as next to nothing.
    func increase(_ graph: TensorGraph) throws -> Double { max(try HeldBackLoss.loss(text, graph) - dense, .leastNormalMagnitude) }

    /// - Parameter increase: what was found in the end.
    func report(_ increase: Double, in report: inout PassReport) {
        report.notes.append(
            isHeldBack
                ? "the increase of the loss is that on \(text.sequenceCount) sequences that were not calibrated on"
                : "the increase of the loss is that on the calibration set itself: there is no other text")
        report.measure("loss.dense", dense)
        report.measure("loss.final", dense + increase)
    }
}
