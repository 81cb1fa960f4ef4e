import CKernels
import Execution
import Inference
import LinearAlgebra

extension Transformer {
    /// A value and its gradients with respect to linear layers' weights [out, in], by tensor name.
    public struct Gradients {
        public let value: Double
        public let weights: [String: Matrix]
    }

    /// The mean over all positions of the Kullback–Leibler divergence, in nats a token, of this model's predictions with some weights
    /// replaced from those that `reference` gives: KL(softmax(logits of reference) ‖ softmax(logits)). Of an encoder, which predicts
    /// nothing, the mean squared distance of final hidden states as a share of the reference's square.
    ///
    /// Block inputs of all the sequences are in memory at a time: blocks × tokens × hidden floats.
    ///
    /// - Parameters:
    ///   - reference: the final hidden states of each sequence under the weights to agree with.
    ///   - withGradients: also give the gradient of every replaced weight.
    public func divergence(
        _ sequences: [[Int32]], from reference: [[Float]], replacing replacements: [String: Matrix], withGradients: Bool,
        _ execution: ExecutionContext
    ) throws -> Gradients {
        var activations = try embed(sequences)
        var inputs: [Activations] = []
        var weights: [BlockWeights] = []
        for index in 0..<configuration.blockCount {
            try execution.cancellation.check()
            let block = try self.block(index, replacing: replacements)
            if withGradients {
                inputs.append(activations)
                weights.append(block)
            }
            try forward(&activations, through: block, execution)
        }
        let head = isCausal ? try self.head() : nil
        let tokens = sequences.reduce(0) { $0 + $1.count }
        let final = activations.hidden
        var back = try execution.uncheckedParallelMap(sequences.count) { index -> (value: Double, gradient: [Float]) in
            guard let head else { return distance(final[index], from: reference[index], scale: 1 / Float(tokens)) }
            return divergence(final[index], from: reference[index], tokens: sequences[index].count, scale: 1 / Float(tokens), head)
        }
        let value = back.reduce(0) { $0 + $1.value } / Double(max(tokens, 1))
        guard withGradients else { return Gradients(value: value, weights: [:]) }
        var gradients = back.map(\.gradient)
        back = []
        var found: [String: Matrix] = [:]
        let first = (0..<configuration.blockCount).first { block in
            BlockLayer.allCases.contains { name(of: $0, block: block).map { replacements[$0] != nil } ?? false }
        }
        guard let first else { return Gradients(value: value, weights: [:]) }
        for index in (first..<configuration.blockCount).reversed() {
            try execution.cancellation.check()
            let some = try backward(&gradients, through: weights[index], index, inputs[index], replacements, execution)
            found.merge(some) { _, new in new }
        }
        return Gradients(value: value, weights: found)
    }

    /// Σ over positions of the divergence, and its gradient times `scale` with respect to the hidden states [tokens, hidden].
    private func divergence(
        _ hidden: [Float], from reference: [Float], tokens: Int, scale: Float, _ head: OutputHead
    ) -> (value: Double, gradient: [Float]) {
        let (width, vocabulary) = (configuration.hiddenSize, configuration.vocabularySize)
        var gradient = [Float](repeating: 0, count: hidden.count)
        var sum = 0.0
        let chunk = max(1, min(256, (1 << 22) / vocabulary))
        for start in stride(from: 0, to: tokens, by: chunk) {
            let range = start * width..<min(start + chunk, tokens) * width
            let count = range.count / width
            let part = Array(hidden[range])
            let expected = logits(Array(reference[range]), tokens: count, head: head)
            let found = logits(part, tokens: count, head: head)
            var logitGradient = found
            logitGradient.withUnsafeMutableBufferPointer { found in
                expected.withUnsafeBufferPointer { expected in
                    for row in 0..<count {
                        sum += caplet_divergence_row(
                            expected.baseAddress! + row * vocabulary, found.baseAddress! + row * vocabulary, scale, vocabulary)
                    }
                }
            }
            gradient.withUnsafeMutableBufferPointer { gradient in
                head.backward(
                    part, tokens: count, logits: found, gradient: &logitGradient, addingTo: gradient.baseAddress! + range.lowerBound)
            }
        }
        return (sum, gradient)
    }

    /// Σ over positions of ‖h − h₀‖² / ‖h₀‖², and its gradient times `scale`.
    private func distance(_ hidden: [Float], from reference: [Float], scale: Float) -> (value: Double, gradient: [Float]) {
        let width = configuration.hiddenSize
        var sum = 0.0
        var gradient = [Float](repeating: 0, count: hidden.count)
        for start in stride(from: 0, to: hidden.count, by: width) {
            var (error, square) = (0.0, Double(Float.leastNormalMagnitude))
            for i in start..<start + width {
                let off = Double(hidden[i]) - Double(reference[i])
                error += off * off
                square += Double(reference[i]) * Double(reference[i])
            }
            sum += error / square
            let factor = 2 * scale / Float(square)
            for i in start..<start + width { gradient[i] = factor * (hidden[i] - reference[i]) }
        }
        return (sum, gradient)
    }

    /// Takes the gradients with respect to a block's output back to its input, for each sequence, and gives those of its replaced
    /// weights, summed over the sequences in order.
    func backward(
        _ gradients: inout [[Float]], through weights: BlockWeights, _ index: Int, _ inputs: Activations,
        _ replacements: [String: Matrix], _ execution: ExecutionContext
    ) throws -> [String: Matrix] {
        let states = try backwardStates(&gradients, through: weights, inputs, execution)
        let names = BlockLayer.allCases.compactMap { layer in name(of: layer, block: index).map { (layer, $0) } }
            .filter { replacements[$0.1] != nil }
        return try weightGradients(names, weights, states, execution)
    }

    /// Takes the gradients with respect to a block's output back to its input, for each sequence.
    ///
    /// - Returns: for each sequence what its linear layers read, and the gradients of what they wrote.
    func backwardStates(
        _ gradients: inout [[Float]], through weights: BlockWeights, _ inputs: Activations, _ execution: ExecutionContext
    ) throws -> [GradientState] {
        let c = configuration
        let rotary = self.rotary(positions: inputs.tokenCounts.max() ?? 0)
        var states: [GradientState] = []
        try gradients.withUnsafeMutableBufferPointer { buffer in
            let slots = buffer
            states = try execution.uncheckedParallelMap(slots.count) { sequence in
                let state = GradientState(c, tokens: inputs.tokenCounts[sequence])
                var hidden = inputs.hidden[sequence]
                hidden.withUnsafeMutableBufferPointer { hidden in
                    guard let base = hidden.baseAddress else { return }
                    weights.forward(base, tokens: state.tokens, c, rotary, state.run, observer: nil)
                }
                slots[sequence].withUnsafeMutableBufferPointer { gradient in
                    guard let base = gradient.baseAddress else { return }
                    weights.backward(inputs.hidden[sequence], gradient: base, c, rotary, state)
                }
                return state
            }
        }
        return states
    }

    /// Gᵀ X of each layer, summed over the sequences; rows are shared out so that all threads have work.
    private func weightGradients(
        _ layers: [(layer: BlockLayer, name: String)], _ weights: BlockWeights, _ states: [GradientState], _ execution: ExecutionContext
    ) throws -> [String: Matrix] {
        let tile = 128
        let work = layers.flatMap { entry -> [(layer: BlockLayer, name: String, rows: Range<Int>)] in
            let out = weights[entry.layer].outputSize
            return stride(from: 0, to: out, by: tile).map { (entry.layer, entry.name, $0..<min($0 + tile, out)) }
        }
        let tiles = try execution.uncheckedParallelMap(work.count) { slot -> [Float] in
            let (layer, _, rows) = work[slot]
            let (out, input) = (weights[layer].outputSize, weights[layer].inputSize)
            var sum = [Float](repeating: 0, count: rows.count * input)
            for state in states where state.tokens > 0 {
                multiply(
                    m: rows.count, n: input, k: state.tokens, state.outputGradient(of: layer) + rows.lowerBound, .transposed, lda: out,
                    state.input(of: layer), .plain, ldb: input, beta: 1, into: &sum, ldc: input)
                // The layer made queries or keys of distances too.
                if let relative = weights.relative, layer == .query || layer == .key {
                    let gradient = layer == .query ? state.distanceQueries : state.distanceKeys
                    multiply(
                        m: rows.count, n: input, k: relative.distances.rowCount, gradient + rows.lowerBound, .transposed, lda: out,
                        relative.rows, .plain, ldb: input, beta: 1, into: &sum, ldc: input)
                }
            }
            return sum
        }
        var elements: [String: [Float]] = [:]
        for (slot, part) in tiles.enumerated() { elements[work[slot].name, default: []] += part }
        return elements.reduce(into: [:]) { found, entry in
            guard let layer = layers.first(where: { $0.name == entry.key })?.layer else { return }
            let input = weights[layer].inputSize
            found[entry.key] = Matrix(rows: entry.value.count / max(input, 1), columns: input, elements: entry.value)
        }
    }
}
