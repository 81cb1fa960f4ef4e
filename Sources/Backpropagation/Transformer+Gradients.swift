import CKernels
import Execution
import Inference
import LinearAlgebra

extension Transformer {
    /// The mean over all positions of the Kullback–Leibler divergence, in nats a token, of this model's predictions with some weights
    /// replaced from those that `reference` gives: KL(softmax(logits of reference) ‖ softmax(logits)). Of an encoder, which predicts
    /// nothing, the mean squared distance of final hidden states as a share of the reference's square; where it sorts texts into classes, that
    /// and the mean over sequences of the divergence of their classes.
    ///
    /// Block inputs of all the sequences are kept, blocks × tokens × hidden floats, and the weights of one block at a time.
    ///
    /// - Parameters:
    ///   - sequences: those of this rank.
    ///   - ranges: the sequences of each rank; nil where this one has all, and other ranks do something else.
    ///   - reference: the final hidden states of each sequence of the model to agree with.
    ///   - referenceHead: its head; nil for this model's.
    ///   - gradient: is given the gradient of every replaced weight, those of the last block first; blocks behind are not run again.
    public func divergence(
        _ sequences: [[Int32]], of ranges: [Range<Int>]? = nil, from reference: [[Float]], head referenceHead: OutputHead? = nil,
        replacing replacements: ReplacedWeights, _ execution: ExecutionContext, gradient: ((String, Matrix) throws -> Void)? = nil
    ) throws -> Double {
        let execution = ranges == nil ? execution.alone : execution
        let (ensemble, ranges) = (execution.ensemble, ranges ?? [0..<sequences.count])
        let counts = try ensemble.gather(sequences.map(\.count), ranges, zero: 0)
        let states = try HiddenStates(sequences, of: self, execution)
        let blocks = 0..<configuration.blockCount
        let first = blocks.first { block in
            configuration.layers(inBlock: block).contains { name(of: $0, block: block).map(replacements.contains) ?? false }
        }
        var inputs: BlockInputs?
        if gradient == nil || first == nil {
            try forward(states, through: blocks, replacing: replacements, execution)
        } else {
            inputs = try BlockInputs(moving: states, through: self, replacing: replacements, execution)
        }
        let head = isCausal ? try self.head(execution) : nil
        let classifier = isClassifier ? try self.classifier(execution) : nil
        let tokens = counts.reduce(0, +)
        var back = try execution.uncheckedParallelMap(sequences.count) { index -> (value: Double, gradient: [Float]) in
            guard let head else {
                var (value, gradient) = distance(states[index], from: reference[index], scale: 1 / Float(tokens))
                if let classifier, !gradient.isEmpty {
                    let scale = Float(tokens) / Float(counts.count)
                    value +=
                        Double(scale)
                        * classifier.divergence(
                            states[index], from: reference[index], scale: 1 / Float(counts.count), addingTo: &gradient)
                }
                return (value, gradient)
            }
            return divergence(
                states[index], from: reference[index], tokens: sequences[index].count, scale: 1 / Float(tokens), head, referenceHead ?? head
            )
        }
        let value = try ensemble.gather(back.map(\.value), ranges, zero: 0).reduce(0, +) / Double(max(tokens, 1))
        guard let gradient, let inputs, let first else { return value }
        var gradients = back.map(\.gradient)
        back = []
        var shared: [String: Matrix] = [:]
        for index in (first..<configuration.blockCount).reversed() {
            try execution.cancellation.check()
            let weights = try inputs.weights(of: index)
            let entered = try inputs.states(of: index)[0..<sequences.count]
            let sums = try backward(&gradients, of: ranges, through: weights, index, entered, replacements, execution)
            let blocks = configuration.sharedBlocks(index)
            guard blocks.count > 1 else {
                try sums.forEach(gradient)
                continue
            }
            // What the blocks that share a weight say of it comes together.
            try sums.forEach { name, part in
                guard var sum = shared.removeValue(forKey: name) else { return shared[name] = part }
                for i in sum.elements.indices { sum.elements[i] += part.elements[i] }
                shared[name] = sum
            }
            guard index == blocks.lowerBound else { continue }
            for name in shared.keys.sorted() { if let sum = shared.removeValue(forKey: name) { try gradient(name, sum) } }
        }
        return value
    }

    /// Σ over positions of the divergence, and its gradient times `scale` with respect to the hidden states [tokens, hidden].
    private func divergence(
        _ hidden: [Float], from reference: [Float], tokens: Int, scale: Float, _ head: OutputHead, _ referenceHead: OutputHead
    ) -> (value: Double, gradient: [Float]) {
        let (width, vocabulary) = (configuration.hiddenSize, configuration.vocabularySize)
        var gradient = [Float](repeating: 0, count: hidden.count)
        var sum = 0.0
        let chunk = max(1, min(256, (1 << 22) / vocabulary))
        for start in stride(from: 0, to: tokens, by: chunk) {
            let range = start * width..<min(start + chunk, tokens) * width
            let count = range.count / width
            let part = Array(hidden[range])
            let expected = logits(Array(reference[range]), tokens: count, head: referenceHead)
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
    /// weights, summed over the sequences of all ranks: as many of these at a time as there is memory for.
    func backward(
        _ gradients: inout [[Float]], of ranges: [Range<Int>], through weights: BlockWeights, _ index: Int, _ inputs: Activations,
        _ replacements: ReplacedWeights, _ execution: ExecutionContext
    ) throws -> WeightGradientSums {
        let layers = configuration.layers(inBlock: index).compactMap { layer in
            name(of: layer, block: index).map { (layer: layer, name: $0) }
        }
        .filter { replacements.contains($0.name) }
        let sums = WeightGradientSums(layers, weights, ranges, execution)
        let first = ranges[execution.ensemble.rank].lowerBound
        let wave = sideBySide(tokens: inputs.tokenCounts.max() ?? 0, execution, forGradients: true).threads
        for start in stride(from: 0, to: gradients.count, by: wave) {
            let range = start..<min(start + wave, gradients.count)
            var part = Array(gradients[range])
            let states = try backwardStates(&part, through: weights, inputs[range], execution)
            gradients.replaceSubrange(range, with: part)
            try sums.add(states, first: first + start, execution)
        }
        return sums
    }

    /// Takes the gradients with respect to a block's output back to its input, for each sequence.
    ///
    /// - Returns: for each sequence what its linear layers read, and the gradients of what they wrote.
    func backwardStates(
        _ gradients: inout [[Float]], through weights: BlockWeights, _ inputs: Activations, _ execution: ExecutionContext
    ) throws -> [GradientState] {
        let c = configuration
        let tables = self.rotary(lengths: inputs.tokenCounts)
        var states: [GradientState] = []
        try gradients.withUnsafeMutableBufferPointer { buffer in
            let slots = buffer
            states = try execution.uncheckedParallelMap(slots.count) { sequence in
                let state = GradientState(c, tokens: inputs.tokenCounts[sequence])
                let rotary = tables[state.tokens]
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
}
