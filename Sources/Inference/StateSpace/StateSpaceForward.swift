import Architectures
import CKernels
import Matrices

extension BlockWeights {
    /// What the last layer of a state space reads, `mixed` [T, channels], of what its first one does, `state.normalised`.
    ///
    /// Mamba: x, z = W h; x = act(conv(x)); r, B, C = W x; Δ = softplus(W r + b); y = scan(x, Δ, B, C); y ⊙ silu(z).
    /// Mamba-2: z, (x, B, C), Δ = W h; x, B, C = act(conv(x, B, C)); Δ = softplus(Δ + b); y = scan(x, Δ, B, C); norm(y ⊙ silu(z)).
    /// A gated convolution: B, C, x = W h; C ⊙ conv(B ⊙ x). A gated delta rule: `mixByDelta`.
    ///
    /// - Parameters:
    ///   - cached: of tokens before these, whose states the scan goes on from.
    ///   - observe: called with what the layers read, and how many rows of how many floats that are.
    func mix(
        _ weights: StateSpaceWeights, tokens: Int, _ state: RunState, after cached: CachedBlock?,
        observe: (BlockInput, UnsafeMutablePointer<Float>, _ rows: Int, _ width: Int) -> Void
    ) -> UnsafeMutablePointer<Float> {
        guard let own = state.stateSpace else { preconditionFailure("there is no room for state spaces") }
        let (space, inner) = (weights.space, weights.space.innerSize)
        if space.kind == .delta { return mixByDelta(weights, tokens: tokens, state, own, after: cached) }
        let width = space.convolutionWidth
        let entering = own.window + (space.kernelSize - 1) * width
        apply(.mixerInput, to: state.normalised, tokens: tokens, into: own.projected)
        switch space.kind {
        case .selective: split(own.projected, tokens: tokens, into: [entering, own.gate], widths: [inner, inner])
        case .heads:
            split(own.projected, tokens: tokens, into: [own.gate, entering, own.rawSteps], widths: [inner, width, space.stepWidth])
        case .convolution:
            split(own.projected, tokens: tokens, into: [own.b, own.gate, own.x], widths: [inner, inner, inner])
            for i in 0..<tokens * inner { entering[i] = own.b[i] * own.x[i] }
            convolve(weights, tokens: tokens, own, after: cached)
            for i in 0..<tokens * inner { own.mixed[i] = own.gate[i] * own.convolved[i] }
            return own.mixed
        case .delta: break
        }
        convolve(weights, tokens: tokens, own, after: cached)
        switch space.kind {
        case .selective: select(weights, tokens: tokens, own, observe: observe)
        case .heads:
            split(
                own.activated, tokens: tokens, into: [own.x, own.rawB, own.rawC], widths: [inner, space.groupWidth, space.groupWidth])
            add(weights.stepBias, to: own.rawSteps, rows: tokens)
        case .convolution, .delta: break
        }
        caplet_softplus(own.rawSteps, Float(space.leastStep), Float(space.mostStep), own.steps, tokens * space.stepWidth)
        scan(weights, tokens: tokens, own, after: cached)
        guard let norm = weights.groupNorm else {
            caplet_swiglu(own.gate, own.scanned, own.mixed, tokens * inner)
            return own.mixed
        }
        caplet_swiglu(own.gate, own.scanned, own.gated, tokens * inner)
        norm.apply(own.gated, into: own.mixed, tokens: tokens * space.groupCount)
        multiply(own.mixed, by: weights.normWeight, rows: tokens)
        return own.mixed
    }

    /// conv(x), and act(conv(x)) but of a gated convolution, [T, convolved] each, over the tokens in the window and those before them.
    func convolve(_ weights: StateSpaceWeights, tokens: Int, _ own: StateSpaceState, after cached: CachedBlock?) {
        let space = weights.space
        let (width, tail) = (space.convolutionWidth, (space.kernelSize - 1) * space.convolutionWidth)
        if let recurrent = cached?.recurrent {
            own.window.update(from: recurrent.before.tail, count: tail)
            recurrent.after.tail.update(from: own.window + tokens * width, count: tail)
        } else {
            own.window.update(repeating: 0, count: tail)
        }
        caplet_causal_convolution(
            own.window, weights.convolution, weights.convolutionBias, space.kernelSize, tokens, width, own.convolved)
        guard space.kind != .convolution else { return }
        (space.activation ?? design.activation).apply(own.convolved, into: own.activated, count: tokens * width)
    }

    /// Of Mamba: B, C, and time steps before softplus.
    private func select(
        _ weights: StateSpaceWeights, tokens: Int, _ own: StateSpaceState,
        observe: (BlockInput, UnsafeMutablePointer<Float>, _ rows: Int, _ width: Int) -> Void
    ) {
        let space = weights.space
        observe(.mixerSelection, own.activated, tokens, space.innerSize)
        apply(.mixerSelection, to: own.activated, tokens: tokens, into: own.selection)
        split(
            own.selection, tokens: tokens, into: [own.rawRank, own.rawB, own.rawC], widths: [space.rank, space.stateSize, space.stateSize])
        weights.rankNorm?.apply(own.rawRank, into: own.rank, tokens: tokens)
        weights.stateNorm?.apply(own.rawB, into: own.b, tokens: tokens)
        weights.stateNorm?.apply(own.rawC, into: own.c, tokens: tokens)
        observe(.mixerTimeStep, own.rank, tokens, space.rank)
        apply(.mixerTimeStep, to: own.rank, tokens: tokens, into: own.rawSteps)
    }

    /// The states that a run begins with, where it is to leave those it ends with.
    func startingStates(_ space: StateSpace, _ own: StateSpaceState, after cached: CachedBlock?) -> UnsafeMutablePointer<Float> {
        guard let recurrent = cached?.recurrent else {
            own.states.update(repeating: 0, count: space.stateCount)
            return own.states
        }
        recurrent.after.state.update(from: recurrent.before.state, count: space.stateCount)
        return recurrent.after.state
    }

    /// y [T, channels] of x, Δ, B and C: some heads at a time, side by side where the cache brings threads; the bits are the same.
    private func scan(_ weights: StateSpaceWeights, tokens: Int, _ own: StateSpaceState, after cached: CachedBlock?) {
        let space = weights.space
        let states = startingStates(space, own, after: cached)
        let scan = space.scan(tokens: tokens)
        func run(_ heads: Range<Int>) {
            withUnsafePointer(to: scan) { scan in
                for head in heads {
                    let (channel, group) = (head * space.headSize, head / (space.headCount / space.groupCount) * space.stateSize)
                    weights.decays.withUnsafeBufferPointer { decays in
                        guard let decays = decays.baseAddress else { return }
                        caplet_selective_scan(
                            scan, own.x + channel, own.steps + head, decays + head * space.decayCount, own.b + group, own.c + group,
                            weights.skips[head], states + channel * space.stateSize, own.scanned + channel)
                    }
                }
            }
        }
        // About as many channels at a time as a cache line has floats.
        let share = max(1, 16 / space.headSize)
        guard let team = cached?.cache.team, tokens * space.stateCount >= BlockWeights.leastSharedStates else {
            return run(0..<space.headCount)
        }
        team.uncheckedForEach((space.headCount + share - 1) / share) { _, index in
            run(index * share..<min((index + 1) * share, space.headCount))
        }
    }

    /// Fewer steps of states than this are not worth waking a second thread for.
    static let leastSharedStates = 1 << 14
}

extension StateSpace {
    /// A head's scan of so many tokens.
    package func scan(tokens: Int) -> caplet_scan {
        caplet_scan(
            tokens: tokens, channels: headSize, states: stateSize, channel_stride: innerSize, step_stride: stepWidth,
            group_stride: groupWidth, shares_decay: kind == .heads ? 1 : 0)
    }
}

/// Multiplies every row by a vector, entry by entry.
package func multiply(_ rows: UnsafeMutablePointer<Float>, by weight: [Float], rows count: Int) {
    for row in 0..<count {
        let start = rows + row * weight.count
        for i in weight.indices { start[i] *= weight[i] }
    }
}
