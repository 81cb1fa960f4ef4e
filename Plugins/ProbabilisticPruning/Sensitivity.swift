import Execution
import Glibc
import LinearAlgebra
import PassKit

/// What an output error of each layer costs in loss, measured: each layer alone is pruned to the budget's density, and the rise
/// of the loss is divided by the layer's output error. It puts the scores of all layers in one currency, nats.
struct Sensitivity {
    let allocation: SharedAllocation
    let density: Double

    /// log(Δloss / Δerror) of each layer, less their mean. One forward pass of a batch for each layer and one for the dense model.
    func logWeights(_ calibration: any CalibrationProvider, sequences: [Int], _ execution: ExecutionContext) throws -> [Double] {
        let layers = allocation.layers
        execution.progress.begin("sensitivity", total: layers.count, unit: "layers")
        defer { execution.progress.end() }
        func mean(_ weights: [String: Matrix]) throws -> Double {
            let losses = try calibration.losses(sequences: sequences, replacing: weights)
            return losses.reduce(0, +) / Double(losses.count)
        }
        let dense = try mean([:])
        var logs: [Double] = []
        for layer in layers {
            try execution.cancellation.check()
            let kept = max(Int(density * Double(layer.parameterCount)) - layer.lowRankCost, 0)
            let pruned = layer.matrix(threshold: layer.threshold(keeping: kept))
            let rise = try mean([layer.name: pruned]) - dense
            let error = layer.outputError(keeping: kept)
            // A layer whose pruning does not raise the loss is cheap, not free: the rise is floored.
            logs.append(error > 0 ? log(max(rise, 1e-5) / error) : 0)
            execution.progress.advance(by: 1, remark: layer.name)
        }
        let center = logs.reduce(0, +) / Double(max(logs.count, 1))
        return logs.map { $0 - center }
    }
}
