import Architectures
import CKernels
import CLibrary
import Matrices

extension BlockWeights {
    /// One block on one sequence: hidden [T, hidden] is updated in place.
    ///
    /// With norms before: x += Wo · attention(norm(x)); x += Wdown · f(norm(x)); with norms around: x += norm(Wo · attention(norm(x))) and
    /// so on; with norms of outputs: x += norm(Wo · attention(x)); with norms after: x = norm(x + Wo · attention(x)); x = norm(x + Wdown ·
    /// f(x)); in parallel: x += Wo · attention(norm(x)) + Wdown · f(norm′(x)); where f(h) is act(Wgate · h) ⊙ Wup · h, or act(Wup · h) where
    /// there is no gate, or what experts make of it. Biases where there are; a factor of what is added where the configuration has one. In blocks with
    /// a state space Wout · mix(norm(x)) stands in the place of Wo · attention(norm(x)); blocks may lack the one step or the other.
    ///
    /// - Parameter cached: of tokens before these, which then are part of the same sequence; `rotary` begins at the position of the first.
    package func forward(
        _ hidden: UnsafeMutablePointer<Float>, tokens: Int, _ c: ModelConfiguration, _ rotary: RotaryTables?,
        _ state: RunState, after cached: CachedBlock? = nil, observer: InputObserver?
    ) {
        let isAfter = design.placement == .after
        func observe(_ input: BlockInput, _ activations: UnsafeMutablePointer<Float>, _ rows: Int, _ width: Int) {
            observer?(input, UnsafeBufferPointer(start: activations, count: rows * width), width)
        }
        func enter(_ norm: Norm?, _ buffer: UnsafeMutablePointer<Float>) {
            if let norm, !isAfter {
                norm.apply(hidden, into: buffer, tokens: tokens)
            } else {
                buffer.update(from: hidden, count: tokens * c.hiddenSize)
            }
        }
        /// hidden += the layer's output, the norm of that, or a multiple.
        func leave(_ layer: BlockLayer, _ input: UnsafePointer<Float>, _ norm: Norm?, _ output: UnsafeMutablePointer<Float>) {
            guard c.adjustsOutputs else { return apply(layer, to: input, tokens: tokens, into: hidden, accumulate: true) }
            apply(layer, to: input, tokens: tokens, into: output)  // [T, hidden]
            add(output, norm)
        }
        func add(_ output: UnsafeMutablePointer<Float>, _ norm: Norm?) {
            norm?.apply(output, into: state.normalisedOutput, tokens: tokens)
            let (added, factor) = (norm == nil ? output : state.normalisedOutput, Float(c.residualMultiplier))
            for i in 0..<tokens * c.hiddenSize { hidden[i] += factor * added[i] }
        }

        // What mixes tokens.
        if parts.mixer != .none { enter(attentionNorm, state.normalised) }  // [T, hidden]
        if let stateSpace {
            observe(.mixerInput, state.normalised, tokens, c.hiddenSize)
            let mixed = mix(stateSpace, tokens: tokens, state, after: cached, observe: observe)  // [T, channels]
            observe(.mixerOutput, mixed, tokens, stateSpace.space.innerSize)
            leave(.mixerOutput, mixed, nil, state.attentionOutput)
        } else if parts.mixer == .attention {
            observe(.attentionInput, state.normalised, tokens, c.hiddenSize)
            if let latentNorms {
                projectLatent(latentNorms, tokens: tokens, c, rotary?[rotation], state, observe: observe)
            } else {
                project(tokens: tokens, c, rotary?[rotation], state)
            }
            if let temperature = c.temperature, temperature.isInAllBlocks || rotation == .none {
                warm(tokens: tokens, from: cached?.start ?? 0, temperature, c, state.queries)
            }
            if let cached {
                attend(tokens: tokens, after: cached, c, state)  // [T, heads × valueSize]
            } else {
                attend(tokens: tokens, c, state)  // [T, heads × valueSize]
            }
            if design.gatesAttention { gateAttended(tokens: tokens, c, state) }
            observe(.attentionOutput, state.attended, tokens, c.headCount * c.valueSize)
            if design.isParallel { enterParallel() }
            leave(.attentionOutput, state.attended, attentionOutputNorm, state.attentionOutput)
        }
        guard parts.hasMLP else { return }
        state.middle?.update(from: hidden, count: tokens * c.hiddenSize)  // [T, hidden]
        if isAfter { attentionNorm?.apply(hidden, into: hidden, tokens: tokens) }

        // MLP.
        if !design.isParallel { enter(mlpNorm, state.mlpInput) }  // [T, hidden]
        observe(.mlpInput, state.mlpInput, tokens, c.hiddenSize)
        if let router {
            runExperts(router, tokens: tokens, c, state, observe: observe)
            add(state.mlpOutput, mlpOutputNorm)
        } else {
            runMLP(tokens: tokens, c, state)  // [T, intermediate]
            observe(.mlpOutput, state.activated, tokens, c.intermediateSize)
            leave(.down, state.activated, mlpOutputNorm, state.mlpOutput)
        }
        if isAfter {
            state.sum?.update(from: hidden, count: tokens * c.hiddenSize)  // [T, hidden]
            mlpNorm?.apply(hidden, into: hidden, tokens: tokens)
        }
        if let closingNorm {
            state.sum?.update(from: hidden, count: tokens * c.hiddenSize)  // [T, hidden]
            closingNorm.apply(hidden, into: hidden, tokens: tokens)
        }

        /// What the MLP reads when it reads what the block does: a norm of its own, or what attention read.
        func enterParallel() {
            if let mlpNorm {
                mlpNorm.apply(hidden, into: state.mlpInput, tokens: tokens)
            } else if state.mlpInput != state.normalised {
                state.mlpInput.update(from: state.normalised, count: tokens * c.hiddenSize)
            }
        }
    }

    /// What the second layer of the MLP reads, in `state.activated` [T, intermediate].
    private func runMLP(tokens: Int, _ c: ModelConfiguration, _ state: RunState) {
        if design.fusesGateAndUp {
            apply(.gateAndUp, to: state.mlpInput, tokens: tokens, into: state.fused)  // [T, 2 × intermediate]
            split(state.fused, tokens: tokens, into: [state.gate, state.up], widths: [c.intermediateSize, c.intermediateSize])
        } else {
            apply(.up, to: state.mlpInput, tokens: tokens, into: state.up)  // [T, intermediate]
            if design.isGated { apply(.gate, to: state.mlpInput, tokens: tokens, into: state.gate) }  // [T, intermediate]
        }
        design.activate(gate: state.gate, up: state.up, into: state.activated, count: tokens * c.intermediateSize)
    }

    /// Queries [T, heads × headSize], keys and values [T, kvHeads × headSize] of the attention's input, normalised and turned.
    private func project(tokens: Int, _ c: ModelConfiguration, _ rotary: RotaryEmbedding?, _ state: RunState) {
        let (queries, keys) = (state.rawQueries ?? state.queries, state.rawKeys ?? state.keys)
        if design.fusesQueryKeyValue {
            let (queryWidth, keyWidth) = (c.headCount * c.headSize, c.keyValueHeadCount * c.headSize)
            apply(.queryKeyValue, to: state.normalised, tokens: tokens, into: state.fused)  // [T, (heads + 2 × kvHeads) × headSize]
            split(
                state.fused, tokens: tokens, into: [queries, keys, state.values], widths: [queryWidth, keyWidth, keyWidth],
                groups: c.fusedGroupCount)
        } else {
            if design.gatesAttention {
                let width = c.headCount * c.headSize
                apply(.query, to: state.normalised, tokens: tokens, into: state.fused)  // [T, heads × 2 × headSize]
                split(state.fused, tokens: tokens, into: [queries, state.attentionGate], widths: [width, width], groups: c.headCount)
            } else {
                apply(.query, to: state.normalised, tokens: tokens, into: queries)
            }
            apply(.key, to: state.normalised, tokens: tokens, into: keys)
            apply(.value, to: state.normalised, tokens: tokens, into: state.values)
        }
        if design.normalisesTurned { return turnAndNormalise(queries, keys, tokens: tokens, c, rotary, state) }
        // Heads one by one, or all of a position together.
        let isWhole = design.headNorm == .whole
        queryNorm?.apply(queries, into: state.queries, tokens: isWhole ? tokens : tokens * c.headCount)
        keyNorm?.apply(keys, into: state.keys, tokens: isWhole ? tokens : tokens * c.keyValueHeadCount)
        projectDistances(state)
        rotary?.rotate(state.queries, tokens: tokens, heads: c.headCount)
        rotary?.rotate(state.keys, tokens: tokens, heads: c.keyValueHeadCount)
    }

    /// Multiplies what heads attended to by σ of their gates, which stay in the place of these.
    private func gateAttended(tokens: Int, _ c: ModelConfiguration, _ state: RunState) {
        for i in 0..<tokens * c.headCount * c.headSize {
            state.attentionGate[i] = 1 / (1 + expf(-state.attentionGate[i]))
            state.attended[i] *= state.attentionGate[i]
        }
    }

    /// Turns queries and keys where they are, and divides each head by its root mean square where it has turned.
    private func turnAndNormalise(
        _ queries: UnsafeMutablePointer<Float>, _ keys: UnsafeMutablePointer<Float>, tokens: Int, _ c: ModelConfiguration,
        _ rotary: RotaryEmbedding?, _ state: RunState
    ) {
        for (from, to, heads) in [(queries, state.queries, c.headCount), (keys, state.keys, c.keyValueHeadCount)] {
            rotary?.rotate(from, tokens: tokens, heads: heads)
            if let turnedNorm {
                turnedNorm.apply(from, into: to, tokens: tokens * heads)
            } else if from != to {
                to.update(from: from, count: tokens * heads * c.headSize)
            }
        }
    }

    /// Multiplies vectors [T, heads × headSize] of positions from `start` on.
    package func warm(
        tokens: Int, from start: Int, _ temperature: QueryTemperature, _ c: ModelConfiguration, _ vectors: UnsafeMutablePointer<Float>
    ) {
        let width = c.headCount * c.headSize
        for token in 0..<tokens {
            let factor = temperature.factor(at: start + token)
            for i in token * width..<(token + 1) * width { vectors[i] *= factor }
        }
    }
}

extension ModelConfiguration {
    /// How many times queries, keys and values follow each other in the outputs of a layer for all of them.
    package var fusedGroupCount: Int { design.fusedOrder == .byGroup ? keyValueHeadCount : 1 }
}

/// Takes rows [T, Σ widths] apart into one matrix [T, width] after the other; in rows of several groups each has its share of every matrix.
package func split(
    _ rows: UnsafePointer<Float>, tokens: Int, into parts: [UnsafeMutablePointer<Float>], widths: [Int], groups: Int = 1
) {
    var next = rows
    for token in 0..<tokens {
        for group in 0..<groups {
            for (part, width) in zip(parts, widths) {
                let share = width / groups
                (part + token * width + group * share).update(from: next, count: share)
                next += share
            }
        }
    }
}

/// Puts matrices [T, width] side by side: rows [T, Σ widths], as `split` takes them apart.
package func join(
    _ parts: [UnsafeMutablePointer<Float>], widths: [Int], tokens: Int, into rows: UnsafeMutablePointer<Float>, groups: Int = 1
) {
    var next = rows
    for token in 0..<tokens {
        for group in 0..<groups {
            for (part, width) in zip(parts, widths) {
                let share = width / groups
                next.update(from: part + token * width + group * share, count: share)
                next += share
            }
        }
    }
}
