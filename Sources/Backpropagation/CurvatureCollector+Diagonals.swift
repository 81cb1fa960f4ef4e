import Inference
import LinearAlgebra

/// The diagonal of the Fisher information of outputs, without what their inputs are: a few floats a layer are held, and a sequence costs a pass
/// forward, and one forward and back to activations alone, which is as much again twice.
extension CurvatureCollector {
    /// Calls `body` once for each block, the last first.
    ///
    /// - Parameters:
    ///   - reached: the block from which on all has been given, and the gradients with respect to what entered it, of each sequence.
    ///   - keep: told these after each block.
    ///   - body: is given the block's number, the mean of gₜᵣ² over positions for the gradients of each linear layer's outputs, [out] by
    ///     tensor name, as `forEach` gives them, and the same for what the block puts out, [hidden].
    public func forEachDiagonal(
        _ tokens: [[Int32]], from reached: (block: Int, gradients: [[Float]])? = nil,
        keep: ((_ block: Int, _ gradients: () -> [[Float]]) throws -> Void)? = nil,
        _ body: (_ block: Int, _ layers: [String: [Double]], _ output: [Double]) throws -> Void
    ) throws {
        let count = Double(max(tokens.reduce(0) { $0 + $1.count }, 1))
        let shares = TermShares(tokens, execution.ensemble)
        let own = shares.sequences(of: shares.own)
        let states = try HiddenStates(Array(tokens[own]), of: model, execution)
        let blocks = reached?.block ?? model.configuration.blockCount
        let inputs = try BlockInputs(moving: states, through: model, until: blocks, replacing: [:], execution)
        let waves = waves(tokens, shares)
        if let reached {
            for index in 0..<states.count { states[index] = reached.gradients[index] }
        } else {
            try turnBack(states, waves, first: own.lowerBound)
        }
        for index in (0..<blocks).reversed() {
            try execution.cancellation.check()
            let found = try squares(index, gradients: states, inputs, shares, waves)
            var layers: [String: [Double]] = [:]
            // In an order that all ranks have.
            for (name, sum) in found.layers.sorted(by: { $0.key < $1.key }) {
                layers[name] = try sum.total(execution.ensemble).map { $0 / count }
            }
            try body(index, layers, found.output.total(execution.ensemble).map { $0 / count })
            try keep?(index) { (0..<states.count).map { states[$0] } }
        }
    }

    /// Sums a block's squares, and takes the gradients back to its input.
    private func squares(
        _ index: Int, gradients: HiddenStates, _ inputs: BlockInputs, _ shares: TermShares, _ waves: [Wave]
    ) throws -> (layers: [String: SquareSum], output: SquareSum) {
        let (entered, weights) = (try inputs.states(of: index), try inputs.weights(of: index))
        var sums: [String: SquareSum] = [:]
        let layers = model.configuration.layers(inBlock: index).compactMap { layer in
            model.name(of: layer, block: index).map { (layer: layer, name: $0) }
        }
        for (layer, name) in layers where sums[name] == nil { sums[name] = SquareSum(weights[layer].outputSize, shares) }
        let (width, output) = (model.configuration.hiddenSize, SquareSum(model.configuration.hiddenSize, shares))
        for wave in waves {
            var part = gradients[wave.sequences]
            output.add(
                wave.terms,
                try execution.uncheckedParallelMap(part.hidden.count) {
                    SquareSum.squares(part.hidden[$0], tokens: part.tokenCounts[$0], out: width)
                })
            let states = try model.backwardStates(&part.hidden, through: weights, entered[wave.sequences], execution)
            gradients[wave.sequences] = part
            for (layer, name) in layers {
                let out = weights[layer].outputSize
                sums[name]?.add(
                    wave.terms,
                    try execution.uncheckedParallelMap(states.count) {
                        SquareSum.squares(states[$0].outputGradient(of: layer), tokens: states[$0].rowCount(of: layer), out: out)
                    })
            }
        }
        return (sums, output)
    }
}
