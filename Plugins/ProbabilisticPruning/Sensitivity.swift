import CLibrary
import Execution
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
    func uniformLogWeights() throws -> [Double] {
        try allocation.execution.uncheckedParallelMap(allocation.layers.count) { index in
            let layer = allocation.layers[index]
            let threshold = try layer.choice(keeping: kept(layer, density)).threshold
            return threshold > 0 && threshold.isFinite ? -log(Double(threshold)) : 0
        }
    }

    /// The log weights to start from.
    ///
    /// - Parameters:
    ///   - rises: of each layer, from `lossRises` or `blockErrorRises`.
    ///   - uniform: `uniformLogWeights()`.
    func logWeights(rises: [Double], uniform: [Double]) -> [Double] {
        let floor = max(rises.sorted()[rises.count / 2] * settings.floorShare, settings.leastRise)
        return zip(zip(allocation.layers, rises), uniform).map { pair, uniform in
            let (layer, rise) = pair
            let error = layer.outputError(keeping: kept(layer, density * settings.measuredShare))
            guard error > 0 else { return uniform }
            let measured = log(max(rise, floor) / error)
            return settings.trust * measured + (1 - settings.trust) * uniform
        }
    }

    /// How much a block's output error rises when one layer of it alone is pruned, for each layer: as a share, or with prices in nats. A forward
    /// pass of its block for each layer.
    func blockErrorRises(
        _ gradients: any GradientProvider, prices: [[Float]]?, sequences: [Int], _ context: PassContext
    ) throws -> [Double] {
        let execution = context.execution
        execution.progress.begin("sensitivity", total: allocation.layers.count, unit: "layers")
        defer { execution.progress.end() }
        var rises = [Double](repeating: 0, count: allocation.layers.count)
        try gradients.forEachBlockError(prices: prices) { block, objective in
            for (index, layer) in allocation.layers.enumerated() where layer.block == block {
                try execution.cancellation.check()
                execution.progress.advance(by: 1, remark: layer.name)
                let found = try context.recording("sensitivity", layer.name) {
                    var found = PassSnapshot()
                    let weights: ReplacedWeights = [layer.name: try prunedHard(layer)]
                    found.numbers["rise"] = [try objective.value(sequences: sequences, replacing: weights, gradient: nil)]
                    return found
                }
                rises[index] = found.numbers["rise"]?.first ?? 0
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
        var rises = [Double](repeating: 0, count: layers.count)
        try calibration.forEachLoss(sequences: sequences, replacingEach: layers.map(\.name)) { index in
            try execution.cancellation.check()
            return try prunedHard(layers[index])
        } _: { index, losses in
            execution.progress.advance(by: 1, remark: layers[index].name)
            rises[index] = mean(losses) - dense
        }
        return rises
    }

    private func prunedHard(_ layer: LayerCandidate) throws -> Matrix {
        try layer.matrix(layer.choice(keeping: kept(layer, density * settings.measuredShare)))
    }

    private func kept(_ layer: LayerCandidate, _ density: Double) -> Int {
        max(Int(density * Double(layer.parameterCount)) - layer.lowRankCost, 0)
    }
}
