import Architectures
import CKernels
import Inference
import LinearAlgebra

extension BlockWeights {
    /// The backward pass through a block that `forward` has just run on `input` with `state.run`: the steps of `forward` in reverse order.
    ///
    /// - Parameters:
    ///   - input: what entered the block, [T, hidden].
    ///   - gradient: with respect to the block's output on entry, with respect to its input on return, [T, hidden].
    func backward(
        _ input: UnsafePointer<Float>, gradient: UnsafeMutablePointer<Float>, _ c: ModelConfiguration, _ rotary: RotaryTables?,
        _ state: GradientState
    ) {
        let (tokens, run, isAfter) = (state.tokens, state.run, design.placement == .after)
        guard let middle = run.middle, let sum = run.sum else { preconditionFailure("the run did not keep what gradients need") }
        let count = tokens * c.hiddenSize
        /// Of a norm's output to that of its input, in place.
        func through(_ norm: Norm?, _ input: UnsafePointer<Float>) {
            guard let norm else { return }
            state.normalised.update(from: gradient, count: count)
            gradient.update(repeating: 0, count: count)
            norm.backward(input, outputGradient: state.normalised, addingTo: gradient, tokens: tokens)
        }
        /// The gradient of what a part's last layer wrote: that of the sum, or what the norm or the factor between makes of it.
        func enter(_ output: UnsafeMutablePointer<Float>, _ norm: Norm?, _ written: UnsafePointer<Float>) {
            if let norm {
                output.update(repeating: 0, count: count)
                norm.backward(written, outputGradient: gradient, addingTo: output, tokens: tokens)
            } else {
                output.update(from: gradient, count: count)
            }
            guard c.residualMultiplier != 1 else { return }
            for i in 0..<count { output[i] *= Float(c.residualMultiplier) }
        }
        /// Adds what the inputs of a part say, through its norm where that comes before.
        func leave(_ norm: Norm?, _ input: UnsafePointer<Float>) {
            if let norm, !isAfter {
                norm.backward(input, outputGradient: state.normalised, addingTo: gradient, tokens: tokens)
            } else {
                for i in 0..<count { gradient[i] += state.normalised[i] }
            }
        }

        // MLP.
        if parts.hasMLP {
            through(isAfter ? mlpNorm : closingNorm, sum)
            enter(state.down, mlpOutputNorm, run.mlpOutput)
            // In parallel the sum has the gradient of the block's output on both sides.
            if design.isParallel { enter(state.attentionOutput, attentionOutputNorm, run.attentionOutput) }
            if let router { runExpertsBackward(router, c, state) } else { runMLPBackward(c, state) }  // [T, hidden]
            if design.isParallel { leave(mlpNorm ?? attentionNorm, input) } else { leave(mlpNorm, middle) }
        }

        // What mixes tokens.
        if parts.mixer == .none { return }
        if let stateSpace { return mixBackward(stateSpace, input, gradient: gradient, c, state) }
        if isAfter { through(attentionNorm, middle) }
        if !design.isParallel { enter(state.attentionOutput, attentionOutputNorm, run.attentionOutput) }
        self[.attentionOutput].applyTransposed(to: state.attentionOutput, tokens: tokens, into: state.attended)  // [T, heads × valueSize]
        if design.gatesAttention { gateBackward(c, state) }
        attendBackward(c, state)
        if let temperature = c.temperature, temperature.isInAllBlocks || rotation == .none {
            warm(tokens: tokens, from: 0, temperature, c, state.queries)
        }
        if let latentNorms {
            projectLatentBackward(latentNorms, c, rotary?[rotation], state)
        } else {
            projectBackward(c, rotary?[rotation], state)
        }
        leave(attentionNorm, input)
    }

    /// From the gradient of what the MLP wrote, in `state.down`, to that of what it read, in `state.normalised` [T, hidden].
    private func runMLPBackward(_ c: ModelConfiguration, _ state: GradientState) {
        let (tokens, run) = (state.tokens, state.run)
        let product = design.isGated ? state.gate : state.up
        self[.down].applyTransposed(to: state.down, tokens: tokens, into: product)  // of act(gate) ⊙ up, [T, intermediate]
        design.activateBackward(
            gate: run.gate, up: run.up, gateGradient: state.gate, upGradient: state.up, count: tokens * c.intermediateSize)
        if design.fusesGateAndUp {
            join([state.gate, state.up], widths: [c.intermediateSize, c.intermediateSize], tokens: tokens, into: state.gateAndUp)
            self[.gateAndUp].applyTransposed(to: state.gateAndUp, tokens: tokens, into: state.normalised)  // [T, hidden]
        } else {
            if design.isGated { self[.gate].applyTransposed(to: state.gate, tokens: tokens, into: state.normalised) }  // [T, hidden]
            self[.up].applyTransposed(to: state.up, tokens: tokens, into: state.normalised, accumulate: design.isGated)
        }
    }

    /// From the gradient of what was attended to times σ(gate), in `state.attended`, to that of the former, and of the gate.
    private func gateBackward(_ c: ModelConfiguration, _ state: GradientState) {
        for i in 0..<state.tokens * c.headCount * c.headSize {
            let (gradient, share) = (state.attended[i], state.run.attentionGate[i])
            state.attentionGate[i] = gradient * state.run.attended[i] * (1 - share)
            state.attended[i] = gradient * share
        }
    }

    /// From the gradients of queries, keys and values to that of the attention's input, in `state.normalised` [T, hidden].
    private func projectBackward(_ c: ModelConfiguration, _ rotary: RotaryEmbedding?, _ state: GradientState) {
        let tokens = state.tokens
        /// Of normalised heads to that of what the layer wrote, in place.
        func through(_ norm: Norm?, _ raw: UnsafeMutablePointer<Float>?, _ gradient: UnsafeMutablePointer<Float>, heads: Int) {
            guard let norm, let raw else { return }
            let count = tokens * heads * c.headSize
            state.heads.update(from: gradient, count: count)
            gradient.update(repeating: 0, count: count)
            let rows = design.headNorm == .whole ? tokens : tokens * heads
            norm.backward(raw, outputGradient: state.heads, addingTo: gradient, tokens: rows)
        }
        through(turnedNorm, state.run.rawQueries, state.queries, heads: c.headCount)
        through(turnedNorm, state.run.rawKeys, state.keys, heads: c.keyValueHeadCount)
        rotary?.rotate(state.queries, tokens: tokens, heads: c.headCount, backwards: true)
        rotary?.rotate(state.keys, tokens: tokens, heads: c.keyValueHeadCount, backwards: true)
        through(queryNorm, state.run.rawQueries, state.queries, heads: c.headCount)
        through(keyNorm, state.run.rawKeys, state.keys, heads: c.keyValueHeadCount)
        if design.fusesQueryKeyValue {
            let (queryWidth, keyWidth) = (c.headCount * c.headSize, c.keyValueHeadCount * c.headSize)
            join(
                [state.queries, state.keys, state.values], widths: [queryWidth, keyWidth, keyWidth], tokens: tokens,
                into: state.queryKeyValue, groups: c.fusedGroupCount)
            self[.queryKeyValue].applyTransposed(to: state.queryKeyValue, tokens: tokens, into: state.normalised)
        } else {
            if design.gatesAttention {
                let width = c.headCount * c.headSize
                join(
                    [state.queries, state.attentionGate], widths: [width, width], tokens: tokens, into: state.queryKeyValue,
                    groups: c.headCount)
            }
            self[.query].applyTransposed(to: state.outputGradient(of: .query), tokens: tokens, into: state.normalised)
            self[.key].applyTransposed(to: state.keys, tokens: tokens, into: state.normalised, accumulate: true)
            self[.value].applyTransposed(to: state.values, tokens: tokens, into: state.normalised, accumulate: true)
        }
    }
}
