import Architectures
import CKernels
import Inference
import LinearAlgebra

extension BlockWeights {
    /// The backward pass through a gated delta rule: the steps of `mixByDelta` in reverse order, from the gradient of what the last layer read, in
    /// `own.mixed`, to that of what the others did, [T, hidden].
    func writeBackward(
        _ weights: StateSpaceWeights, tokens: Int, _ kept: StateSpaceState, _ own: StateSpaceGradients,
        into gradient: UnsafeMutablePointer<Float>
    ) {
        let (space, inner) = (weights.space, weights.space.innerSize)
        own.gate.update(from: own.mixed, count: tokens * inner)
        caplet_swiglu_backward(kept.gate, kept.gated, own.gate, own.x, tokens * inner)  // of what is normalised, in own.x
        own.scanned.update(repeating: 0, count: tokens * inner)
        weights.groupNorm?.backward(kept.scanned, outputGradient: own.x, addingTo: own.scanned, tokens: tokens * space.headCount)
        readBackward(weights, tokens: tokens, kept, own)
        for (norm, raw, from, to) in [(weights.queryNorm, kept.rawB, own.b, own.rawB), (weights.keyNorm, kept.rawC, own.c, own.rawC)] {
            to.update(repeating: 0, count: tokens * space.groupWidth)
            norm?.backward(raw, outputGradient: from, addingTo: to, tokens: tokens * space.groupCount)
        }
        for i in 0..<tokens * space.headCount { own.selection[i] *= kept.selection[i] * (1 - kept.selection[i]) }
        caplet_softplus_backward(kept.rawSteps, 0, .infinity, own.steps, tokens * space.headCount)
        join([own.rawB, own.rawC, own.x], widths: [space.groupWidth, space.groupWidth, inner], tokens: tokens, into: own.activated)
        caplet_activation_backward(design.activation.kernel, kept.convolved, own.activated, tokens * space.convolutionWidth)
        caplet_causal_convolution_backward(
            weights.convolution, space.kernelSize, own.activated, tokens, space.convolutionWidth, own.convolved)
        self[.mixerInput].applyTransposed(to: own.convolved, tokens: tokens, into: gradient)
        self[.mixerGate].applyTransposed(to: own.gate, tokens: tokens, into: gradient, accumulate: true)
        self[.mixerRate].applyTransposed(to: own.selection, tokens: tokens, into: gradient, accumulate: true)
        self[.mixerForgetting].applyTransposed(to: own.steps, tokens: tokens, into: gradient, accumulate: true)
    }

    /// From the gradient of y to those of queries, keys, values, β and what softplus gives, head by head.
    private func readBackward(_ weights: StateSpaceWeights, tokens: Int, _ kept: StateSpaceState, _ own: StateSpaceGradients) {
        let space = weights.space
        own.b.update(repeating: 0, count: tokens * space.groupWidth)
        own.c.update(repeating: 0, count: tokens * space.groupWidth)
        withUnsafePointer(to: space.deltaRule(tokens: tokens)) { rule in
            for head in 0..<space.headCount {
                let (channel, group) = (head * space.headSize, head / (space.headCount / space.groupCount) * space.stateSize)
                caplet_delta_rule_backward(
                    rule, kept.b + group, kept.c + group, kept.x + channel, kept.steps + head, weights.decays[head],
                    kept.selection + head, own.scanned + channel, own.scratch, own.b + group, own.c + group, own.x + channel,
                    own.steps + head, own.selection + head)
            }
        }
    }
}
