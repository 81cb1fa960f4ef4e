import Architectures
import CKernels
import Inference
import LinearAlgebra

extension BlockWeights {
    /// The backward pass through a block with a state space: the steps of `mix` in reverse order.
    ///
    /// With g the gradient of a channel's states, gₜ = (dL/dyₜ) Cₜ + exp(Δₜ₊₁ A) ⊙ gₜ₊₁, those of xₜ, Bₜ and Cₜ are Δₜ gₜ · Bₜ + D dL/dyₜ, Δₜ xₜ gₜ and
    /// (dL/dyₜ) hₜ, and that of Δₜ is xₜ gₜ · Bₜ + gₜ · (A ⊙ exp(Δₜ A) ⊙ hₜ₋₁).
    ///
    /// - Parameters:
    ///   - input: what entered the block, [T, hidden].
    ///   - gradient: with respect to the block's output on entry, with respect to its input on return, [T, hidden].
    func mixBackward(
        _ weights: StateSpaceWeights, _ input: UnsafePointer<Float>, gradient: UnsafeMutablePointer<Float>, _ c: ModelConfiguration,
        _ state: GradientState
    ) {
        let (kept, own) = state.ofStateSpace
        let (tokens, space, inner) = (state.tokens, weights.space, weights.space.innerSize)
        let factor = Float(c.residualMultiplier)
        for i in 0..<tokens * c.hiddenSize { own.output[i] = factor * gradient[i] }
        self[.mixerOutput].applyTransposed(to: own.output, tokens: tokens, into: own.mixed)  // [T, channels]
        if space.kind == .delta {
            writeBackward(weights, tokens: tokens, kept, own, into: state.normalised)
            attentionNorm?.backward(input, outputGradient: state.normalised, addingTo: gradient, tokens: tokens)
            return
        }
        if space.kind == .convolution {
            convolveBackward(weights, tokens: tokens, kept, own)
            self[.mixerInput].applyTransposed(to: own.projected, tokens: tokens, into: state.normalised)  // [T, hidden]
            attentionNorm?.backward(input, outputGradient: state.normalised, addingTo: gradient, tokens: tokens)
            return
        }
        if let norm = weights.groupNorm {
            multiply(own.mixed, by: weights.normWeight, rows: tokens)
            own.gate.update(repeating: 0, count: tokens * inner)
            norm.backward(kept.gated, outputGradient: own.mixed, addingTo: own.gate, tokens: tokens * space.groupCount)
        } else {
            own.gate.update(from: own.mixed, count: tokens * inner)
        }
        caplet_swiglu_backward(kept.gate, kept.scanned, own.gate, own.scanned, tokens * inner)
        scanBackward(weights, tokens: tokens, kept, own)
        caplet_softplus_backward(
            kept.rawSteps, Float(space.leastStep), Float(space.mostStep), own.steps, tokens * space.stepWidth)
        switch space.kind {
        case .selective: selectBackward(weights, tokens: tokens, kept, own)
        case .heads:
            join([own.x, own.b, own.c], widths: [inner, space.groupWidth, space.groupWidth], tokens: tokens, into: own.activated)
        case .convolution, .delta: break
        }
        caplet_activation_backward(
            (space.activation ?? design.activation).kernel, kept.convolved, own.activated, tokens * space.convolutionWidth)
        caplet_causal_convolution_backward(
            weights.convolution, space.kernelSize, own.activated, tokens, space.convolutionWidth, own.convolved)
        switch space.kind {
        case .selective: join([own.convolved, own.gate], widths: [inner, inner], tokens: tokens, into: own.projected)
        case .heads:
            join(
                [own.gate, own.convolved, own.steps], widths: [inner, space.convolutionWidth, space.stepWidth], tokens: tokens,
                into: own.projected)
        case .convolution, .delta: break
        }
        self[.mixerInput].applyTransposed(to: own.projected, tokens: tokens, into: state.normalised)  // [T, hidden]
        attentionNorm?.backward(input, outputGradient: state.normalised, addingTo: gradient, tokens: tokens)
    }

    /// Of a gated convolution: from the gradient of C ⊙ conv(B ⊙ x) to those of B, C and x, side by side in `own.projected`.
    private func convolveBackward(_ weights: StateSpaceWeights, tokens: Int, _ kept: StateSpaceState, _ own: StateSpaceGradients) {
        let (space, inner) = (weights.space, weights.space.innerSize)
        for i in 0..<tokens * inner {
            own.gate[i] = own.mixed[i] * kept.convolved[i]
            own.activated[i] = own.mixed[i] * kept.gate[i]
        }
        caplet_causal_convolution_backward(weights.convolution, space.kernelSize, own.activated, tokens, inner, own.convolved)
        for i in 0..<tokens * inner {
            own.b[i] = own.convolved[i] * kept.x[i]
            own.x[i] = own.convolved[i] * kept.b[i]
        }
        join([own.b, own.gate, own.x], widths: [inner, inner, inner], tokens: tokens, into: own.projected)
    }

    /// From the gradient of y to those of x, Δ, B and C, head by head.
    private func scanBackward(_ weights: StateSpaceWeights, tokens: Int, _ kept: StateSpaceState, _ own: StateSpaceGradients) {
        let space = weights.space
        own.b.update(repeating: 0, count: tokens * space.groupWidth)
        own.c.update(repeating: 0, count: tokens * space.groupWidth)
        withUnsafePointer(to: space.scan(tokens: tokens)) { scan in
            weights.decays.withUnsafeBufferPointer { decays in
                guard let decays = decays.baseAddress else { return }
                for head in 0..<space.headCount {
                    let (channel, group) = (head * space.headSize, head / (space.headCount / space.groupCount) * space.stateSize)
                    caplet_selective_scan_backward(
                        scan, kept.x + channel, kept.steps + head, decays + head * space.decayCount, kept.b + group, kept.c + group,
                        weights.skips[head], own.scanned + channel, own.scratch, own.x + channel, own.steps + head, own.b + group,
                        own.c + group)
                }
            }
        }
    }

    /// Of Mamba: from the gradients of B, C and time steps, and that of x so far, to the whole of x's, in `own.activated` [T, channels].
    private func selectBackward(_ weights: StateSpaceWeights, tokens: Int, _ kept: StateSpaceState, _ own: StateSpaceGradients) {
        let space = weights.space
        self[.mixerTimeStep].applyTransposed(to: own.steps, tokens: tokens, into: own.rank)  // [T, rank]
        func through(
            _ norm: Norm?, _ raw: UnsafePointer<Float>, _ gradient: UnsafePointer<Float>, _ rawGradient: UnsafeMutablePointer<Float>,
            _ width: Int
        ) {
            guard let norm else { return }
            rawGradient.update(repeating: 0, count: tokens * width)
            norm.backward(raw, outputGradient: gradient, addingTo: rawGradient, tokens: tokens)
        }
        through(weights.rankNorm, kept.rawRank, own.rank, own.rawRank, space.rank)
        through(weights.stateNorm, kept.rawB, own.b, own.rawB, space.stateSize)
        through(weights.stateNorm, kept.rawC, own.c, own.rawC, space.stateSize)
        join(
            [own.rawRank, own.rawB, own.rawC], widths: [space.rank, space.stateSize, space.stateSize], tokens: tokens, into: own.selection)
        own.activated.update(from: own.x, count: tokens * space.innerSize)
        self[.mixerSelection].applyTransposed(to: own.selection, tokens: tokens, into: own.activated, accumulate: true)
    }
}
