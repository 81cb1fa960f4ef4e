import Architectures
import CKernels
import CLibrary
import Matrices

extension BlockWeights {
    /// What the last layer of a gated delta rule reads, `mixed` [T, channels], of what its other layers do, `state.normalised`:
    /// q, k, v = act(conv(W h)); q, k to length 1 / √size and 1; β = σ(Wβ h); log α = A softplus(Wα h + b); y as `StateSpace.Kind.delta` has it;
    /// norm(y) ⊙ silu(Wz h).
    func mixByDelta(
        _ weights: StateSpaceWeights, tokens: Int, _ state: RunState, _ own: StateSpaceState, after cached: CachedBlock?
    ) -> UnsafeMutablePointer<Float> {
        let (space, inner) = (weights.space, weights.space.innerSize)
        let entering = own.window + (space.kernelSize - 1) * space.convolutionWidth
        apply(.mixerInput, to: state.normalised, tokens: tokens, into: entering)
        apply(.mixerGate, to: state.normalised, tokens: tokens, into: own.gate)
        apply(.mixerRate, to: state.normalised, tokens: tokens, into: own.selection)
        apply(.mixerForgetting, to: state.normalised, tokens: tokens, into: own.rawSteps)
        convolve(weights, tokens: tokens, own, after: cached)
        split(own.activated, tokens: tokens, into: [own.rawB, own.rawC, own.x], widths: [space.groupWidth, space.groupWidth, inner])
        weights.queryNorm?.apply(own.rawB, into: own.b, tokens: tokens * space.groupCount)
        weights.keyNorm?.apply(own.rawC, into: own.c, tokens: tokens * space.groupCount)
        for i in 0..<tokens * space.headCount { own.selection[i] = 1 / (1 + expf(-own.selection[i])) }
        add(weights.stepBias, to: own.rawSteps, rows: tokens)
        caplet_softplus(own.rawSteps, 0, .infinity, own.steps, tokens * space.headCount)
        write(weights, tokens: tokens, own, after: cached)
        weights.groupNorm?.apply(own.scanned, into: own.gated, tokens: tokens * space.headCount)
        caplet_swiglu(own.gate, own.gated, own.mixed, tokens * inner)
        return own.mixed
    }

    /// y [T, channels]: head by head, side by side where the cache brings threads; the bits are the same.
    private func write(_ weights: StateSpaceWeights, tokens: Int, _ own: StateSpaceState, after cached: CachedBlock?) {
        let space = weights.space
        let states = startingStates(space, own, after: cached)
        let rule = space.deltaRule(tokens: tokens)
        func run(_ head: Int) {
            let (channel, group) = (head * space.headSize, head / (space.headCount / space.groupCount) * space.stateSize)
            withUnsafePointer(to: rule) { rule in
                caplet_delta_rule(
                    rule, own.b + group, own.c + group, own.x + channel, own.steps + head, weights.decays[head], own.selection + head,
                    states + channel * space.stateSize, own.written + channel, own.scanned + channel)
            }
        }
        guard let team = cached?.cache.team, tokens * space.stateCount >= BlockWeights.leastSharedStates else {
            for head in 0..<space.headCount { run(head) }
            return
        }
        team.uncheckedForEach(space.headCount) { _, head in run(head) }
    }
}

extension StateSpace {
    /// A head of a delta rule on so many tokens.
    package func deltaRule(tokens: Int) -> caplet_delta {
        caplet_delta(
            tokens: tokens, keys: stateSize, values: headSize, key_stride: groupWidth, value_stride: innerSize, step_stride: headCount)
    }
}
