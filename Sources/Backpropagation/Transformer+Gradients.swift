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
        try divergence(
            sequences, of: ranges, from: TeacherStates(final: reference, head: referenceHead), replacing: replacements, execution,
            gradient: gradient)
    }

    /// The same of a teacher, at a temperature, with what `TeacherStates.blocks` adds.
    public func divergence(
        _ sequences: [[Int32]], of ranges: [Range<Int>]? = nil, from teacher: TeacherStates,
        replacing replacements: ReplacedWeights, _ execution: ExecutionContext, gradient: ((String, Matrix) throws -> Void)? = nil
    ) throws -> Double {
        let execution = ranges == nil ? execution.alone : execution
        let (ensemble, ranges) = (execution.ensemble, ranges ?? [0..<sequences.count])
        let counts = try ensemble.gather(sequences.map(\.count), ranges, zero: 0)
        let tokens = counts.reduce(0, +)
        let states = try HiddenStates(sequences, of: self, execution)
        let blocks = 0..<configuration.blockCount
        let first = gradient == nil ? nil : blocks.first { replaces($0, replacements) }
        var inputs: BlockInputs?
        if first == nil && teacher.blocks == nil {
            try forward(states, through: blocks, replacing: replacements, execution)
        } else {
            inputs = try BlockInputs(moving: states, through: self, replacing: replacements, execution)
        }
        var back = try finalErrors(states, teacher, sequences, tokens: tokens, all: counts.count, execution)
        var values = back.map(\.value)
        var gradients = back.map(\.gradient)
        back = []
        var shared = SharedGradients()
        var left = states
        // Where blocks have nothing to agree with, those before the first that is replaced say nothing.
        let last = teacher.blocks == nil ? first : 0
        for index in (last.map { $0..<configuration.blockCount } ?? 0..<0).reversed() {
            guard let inputs else { break }
            try execution.cancellation.check()
            if let blocks = teacher.blocks {
                try add(blocks, index, of: left, tokens: tokens, to: &values, &gradients, execution)
            }
            let entered = try inputs.states(of: index)
            left = entered
            guard let gradient, let first, index >= first else { continue }
            let weights = try inputs.weights(of: index)
            let sums = try backward(
                &gradients, of: ranges, through: weights, index, entered[0..<sequences.count], replacements, execution)
            try shared.add(sums, of: index, in: configuration.sharedBlocks(index), gradient)
        }
        return try ensemble.gather(values, ranges, zero: 0).reduce(0, +) / Double(max(tokens, 1))
    }

    /// Whether a layer of a block is replaced.
    private func replaces(_ block: Int, _ replacements: ReplacedWeights) -> Bool {
        configuration.layers(inBlock: block).contains { name(of: $0, block: block).map(replacements.contains) ?? false }
    }

    /// Of each sequence what its final hidden states come to, and the gradient of the mean over all tokens with respect to them.
    ///
    /// - Parameter all: sequences of all ranks.
    private func finalErrors(
        _ states: HiddenStates, _ teacher: TeacherStates, _ sequences: [[Int32]], tokens: Int, all: Int, _ execution: ExecutionContext
    ) throws -> [(value: Double, gradient: [Float])] {
        let head = isCausal ? try self.head(execution) : nil
        let classifier = isClassifier ? try self.classifier(execution) : nil
        return try execution.uncheckedParallelMap(sequences.count) { index -> (value: Double, gradient: [Float]) in
            let reference = teacher.final[index]
            guard let head else {
                var (value, gradient) = distance(states[index], from: reference, scale: 1 / Float(tokens))
                if let classifier, !gradient.isEmpty {
                    let scale = Float(tokens) / Float(all)
                    value +=
                        Double(scale)
                        * classifier.divergence(states[index], from: reference, scale: 1 / Float(all), addingTo: &gradient)
                }
                return (value, gradient)
            }
            return divergence(
                states[index], from: reference, tokens: sequences[index].count, scale: 1 / Float(tokens), head, teacher.head ?? head,
                temperature: teacher.temperature)
        }
    }

    /// Σ over positions of the divergence, and its gradient times `scale` with respect to the hidden states [tokens, hidden]: at a temperature T
    /// T²·KL(softmax(reference / T) ‖ softmax(logits / T)), over the tokens that both heads have.
    private func divergence(
        _ hidden: [Float], from reference: [Float], tokens: Int, scale: Float, _ head: OutputHead, _ referenceHead: OutputHead,
        temperature: Float
    ) -> (value: Double, gradient: [Float]) {
        let (width, vocabulary) = (configuration.hiddenSize, configuration.vocabularySize)
        let referenceWidth = reference.count / max(tokens, 1)
        var gradient = [Float](repeating: 0, count: hidden.count)
        var sum = 0.0
        let chunk = max(1, min(256, (1 << 22) / vocabulary))
        for start in stride(from: 0, to: tokens, by: chunk) {
            let end = min(start + chunk, tokens)
            let (range, count) = (start * width..<end * width, end - start)
            let part = Array(hidden[range])
            var expected = referenceHead.logits(Array(reference[start * referenceWidth..<end * referenceWidth]), tokens: count)
            let found = logits(part, tokens: count, head: head)
            var logitGradient = found
            if temperature != 1 {
                for i in expected.indices { expected[i] /= temperature }
                for i in logitGradient.indices { logitGradient[i] /= temperature }
            }
            let rowSize = expected.count / max(count, 1)
            let common = min(rowSize, vocabulary)
            logitGradient.withUnsafeMutableBufferPointer { found in
                expected.withUnsafeBufferPointer { expected in
                    for row in 0..<count {
                        let own = found.baseAddress! + row * vocabulary
                        sum += caplet_divergence_row(expected.baseAddress! + row * rowSize, own, scale * temperature, common)
                        (own + common).update(repeating: 0, count: vocabulary - common)
                    }
                }
            }
            gradient.withUnsafeMutableBufferPointer { gradient in
                head.backward(
                    part, tokens: count, logits: found, gradient: &logitGradient, addingTo: gradient.baseAddress! + range.lowerBound)
            }
        }
        return (sum * Double(temperature) * Double(temperature), gradient)
    }

    /// Adds what the outputs of a block come to beside the teacher's, and its gradient with respect to them.
    private func add(
        _ teacher: TeacherStates.Blocks, _ block: Int, of states: HiddenStates, tokens: Int, to values: inout [Double],
        _ gradients: inout [[Float]], _ execution: ExecutionContext
    ) throws {
        let share = teacher.weight / Double(configuration.blockCount)
        let reference = try teacher.outputs(block, configuration.blockCount)
        let found = try execution.uncheckedParallelMap(states.count) { index in
            distance(states[index], from: reference[index], scale: Float(share) / Float(tokens))
        }
        for (index, one) in found.enumerated() {
            values[index] += share * one.value
            for i in one.gradient.indices { gradients[index][i] += one.gradient[i] }
        }
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
