import Execution
import Glibc
import LayerwiseCompression
import LinearAlgebra
import PassKit

/// What an output error of each layer costs in loss, measured: each layer alone is pruned hard, and the rise of the loss is divided
/// by the layer's output error. It puts the scores of all layers in one currency, nats.
///
/// The measurement is trusted in part (`SolverSettings.Allocation`): the start lies, in logarithms, between the measured weights and those that
/// give every layer the same density.
struct Sensitivity {
    let allocation: SharedAllocation
    /// The density that the budget gives every layer.
    let density: Double

    var settings = SolverSettings.lowRankAndSparse.allocation

    /// Log weights whose threshold keeps the same density of every layer.
    var uniformLogWeights: [Double] {
        allocation.layers.map { layer in
            let threshold = layer.threshold(keeping: kept(layer, density))
            return threshold > 0 && threshold.isFinite ? -log(Double(threshold)) : 0
        }
    }

    /// The log weights to start from.
    ///
    /// - Parameter rises: of each layer, from `lossRises` or `blockErrorRises`.
    func logWeights(rises: [Double]) -> [Double] {
        let floor = max(rises.sorted()[rises.count / 2] * settings.floorShare, settings.leastRise)
        return zip(zip(allocation.layers, rises), uniformLogWeights).map { pair, uniform in
            let (layer, rise) = pair
            let error = layer.outputError(keeping: kept(layer, density * settings.measuredShare))
            guard error > 0 else { return uniform }
            let measured = log(max(rise, floor) / error)
            return settings.trust * measured + (1 - settings.trust) * uniform
        }
    }

    /// How much a block's output error, as a share, rises when one layer of it alone is pruned, for each layer. A forward pass of its
    /// block for each layer.
    func blockErrorRises(_ gradients: any GradientProvider, sequences: [Int], _ execution: ExecutionContext) throws -> [Double] {
        execution.progress.begin("sensitivity", total: allocation.layers.count, unit: "layers")
        defer { execution.progress.end() }
        var rises = [Double](repeating: 0, count: allocation.layers.count)
        try gradients.forEachBlockError { block, objective in
            for (index, layer) in allocation.layers.enumerated() where layer.block == block {
                try execution.cancellation.check()
                execution.progress.advance(by: 1, remark: layer.name)
                rises[index] = try objective.value(sequences: sequences, replacing: [layer.name: prunedHard(layer)], withGradients: false)
                    .value
            }
            return [:]
        }
        return rises
    }

    /// How much the loss rises when one layer alone is pruned, for each layer. Half a forward pass of the sequences for each layer, on
    /// the average, and one for the dense model.
    func lossRises(_ calibration: any CalibrationProvider, sequences: [Int], _ execution: ExecutionContext) throws -> [Double] {
        execution.progress.begin("sensitivity", total: allocation.layers.count, unit: "layers")
        defer { execution.progress.end() }
        func mean(_ losses: [Double]) -> Double { losses.reduce(0, +) / Double(losses.count) }
        let dense = mean(try calibration.losses(sequences: sequences, replacing: [:]))
        let layers = allocation.layers
        let losses = try calibration.losses(sequences: sequences, replacingEach: layers.map(\.name)) { index in
            try execution.cancellation.check()
            execution.progress.advance(by: 1, remark: layers[index].name)
            return prunedHard(layers[index])
        }
        return losses.map { mean($0) - dense }
    }

    private func prunedHard(_ layer: LayerCandidate) -> Matrix {
        layer.matrix(threshold: layer.threshold(keeping: kept(layer, density * settings.measuredShare)))
    }

    private func kept(_ layer: LayerCandidate, _ density: Double) -> Int {
        max(Int(density * Double(layer.parameterCount)) - layer.lowRankCost, 0)
    }
}
