import Execution
import GradientFitting
import LinearAlgebra
import ModelGraph
import PassKit

/// One run of the pass over the tensors that move.
struct RefitRun {
    let settings: GradientSettings
    let movable: MovableTensors
    let context: PassContext

    private var execution: ExecutionContext { context.execution }
    private var tensors: [Tensor] { movable.tensors }

    func refitWeights() throws -> [(Payload, TensorReport)] {
        let largest = tensors.map { $0.shape.elementCount }.max() ?? 0
        let owners = context.owners(tensors, isKnown: context.isFinished) {
            Double($0.shape.elementCount) * Double(max(min($0.shape.rows, $0.shape.columns), 1))
        }
        let own = context.own(owners)
        var results = [(Payload, TensorReport)?](repeating: nil, count: tensors.count)
        try results.withUnsafeMutableBufferPointer { buffer in
            let slots = buffer
            try execution.sharing(bytesEach: 32 * largest).uncheckedParallelFor(own.count) { place in
                let index = own[place]
                slots[index] = try context.finishingMoved(tensors[index], isShared: true) {
                    let tensor = try RefitTensor(tensors[index], movesScales: false, execution)
                    guard let original = context.original[tensor.name] else {
                        throw PassError(.unsupported, pass: RefitPass.name, "'\(tensor.name)' is not in the original model")
                    }
                    try WeightRefit().refit(tensor, to: original.finiteMatrix(execution))
                    return try tensor.payload(tensor.values)
                }
            }
        }
        try context.exchange(tensors, owners, &results)
        return results.compactMap { $0 }
    }

    /// - Parameter graph: as the passes before left it.
    func refitLoss(_ graph: TensorGraph, _ report: inout PassReport) throws -> [(Payload, TensorReport)] {
        let (calibration, learning, gradients) = try context.requireGradients(
            for: RefitPass.name, on: settings.text, otherwise: "objective=weights needs none")
        let refitter = GradientRefit(
            pass: RefitPass.name, settings, seed: context.seed, fixed: ReplacedWeights(storing: movable.others, execution), execution)
        execution.progress.begin(RefitPass.name, total: refitter.work(sequences: calibration.sequenceCount), unit: "sequences")
        defer { execution.progress.end() }
        let state = try refitter.run(
            { try tensors.map { try RefitTensor($0, movesScales: true, execution) } }, try gradients.divergence(of: graph),
            sequences: learning.sequenceCount,
            calibration: calibration.sequenceCount, from: context.snapshot
        ) { state in try context.keepSnapshot { try state.snapshot(block: nil) } }
        report.curves.append(Curve(name: "divergence of each step", values: state.steps))
        report.curves.append(Curve(name: "held-back divergence after each pass", values: state.heldBack))
        let (before, after) = (state.heldBack[0], state.heldBack.min() ?? 0)
        report.measure("divergence.heldBack.before", before)
        report.measure("divergence.heldBack.after", after)
        report.measure("rate", state.rate)
        report.measure("forwardPasses", 1 + state.forwardPasses(calibration.sequenceCount))
        report.notes.append("held-back divergence from the original: \(rounded(before)) before, \(rounded(after)) after, nats a token")
        return try tensors.indices.map { index in
            try context.finishingMoved(tensors[index]) { try state.tensors[index].payload(state.best[index]) }
        }
    }
}
