import Execution
import Inference
import LinearAlgebra

extension Transformer {
    /// How far a block's outputs are from what they should be: Σ‖y − target‖² / Σ‖target − x‖² over all positions, with x the block's
    /// input, so that 1 is what leaving the block out would cost. With prices p half the mean over positions of Σ pⱼ(yⱼ − targetⱼ)²: where they are
    /// the diagonal of the Fisher information of y, the divergence of predictions that the error costs, to second order.
    ///
    /// - Parameters:
    ///   - inputs: what enters the block, of this rank's sequences.
    ///   - ranges: the sequences of each rank; nil where this one has all, and other ranks do something else.
    ///   - targets: what should leave it, [tokens, hidden] for each sequence.
    ///   - prices: of the components of what leaves it, [hidden]; nil where they count alike.
    ///   - replacements: matrices that stand in for weights of the block.
    ///   - gradient: is given the gradient of every replaced weight.
    public func blockError(
        _ index: Int, inputs: Activations, of ranges: [Range<Int>]? = nil, targets: [[Float]], prices: [Float]? = nil,
        replacing replacements: ReplacedWeights, _ execution: ExecutionContext, gradient: ((String, Matrix) throws -> Void)? = nil
    ) throws -> Double {
        let execution = ranges == nil ? execution.alone : execution
        let (ensemble, ranges) = (execution.ensemble, ranges ?? [0..<inputs.hidden.count])
        let weights = try block(index, replacing: replacements, execution)
        var outputs = inputs
        try forward(&outputs, through: weights, execution)
        let found = outputs.hidden
        let sums = try execution.uncheckedParallelMap(found.count) { sequence -> (error: Double, scale: Double, difference: [Float]) in
            guard let prices else { return difference(found[sequence], targets[sequence], entered: inputs.hidden[sequence]) }
            return difference(found[sequence], targets[sequence], prices)
        }
        let scale = max(try ensemble.gather(sums.map(\.scale), ranges, zero: 0).reduce(0, +), .leastNormalMagnitude)
        let value = try ensemble.gather(sums.map(\.error), ranges, zero: 0).reduce(0, +) / scale
        guard let gradient else { return value }
        let factor = Float(2 / scale)
        var gradients = sums.map { $0.difference.map { $0 * factor } }
        try backward(&gradients, of: ranges, through: weights, index, inputs, replacements, execution).forEach(gradient)
        return value
    }

    /// Σ(y − target)² and Σ(target − x)² of a sequence, and y − target.
    private func difference(_ found: [Float], _ target: [Float], entered: [Float]) -> (error: Double, scale: Double, difference: [Float]) {
        var (error, scale) = (0.0, 0.0)
        let difference = found.indices.map { position -> Float in
            let off = found[position] - target[position]
            let moved = Double(target[position] - entered[position])
            error += Double(off) * Double(off)
            scale += moved * moved
            return off
        }
        return (error, scale, difference)
    }

    /// Σ p(y − target)² and twice the positions of a sequence, and p(y − target).
    private func difference(_ found: [Float], _ target: [Float], _ prices: [Float]) -> (error: Double, scale: Double, difference: [Float]) {
        var error = 0.0
        let difference = found.indices.map { position -> Float in
            let off = found[position] - target[position]
            let priced = prices[position % prices.count] * off
            error += Double(priced) * Double(off)
            return priced
        }
        return (error, 2 * Double(found.count / max(prices.count, 1)), difference)
    }
}
