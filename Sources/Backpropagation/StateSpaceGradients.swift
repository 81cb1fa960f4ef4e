import Architectures
import Inference

/// Gradients of what a state space makes of one sequence; shapes in elements, S the channels of Mamba and the heads of Mamba-2.
final class StateSpaceGradients {
    /// Of what the last layer wrote.
    let output: UnsafeMutablePointer<Float>  // [T, hidden]
    /// Of what it read, and of that before the norm, which becomes that of the gate.
    let mixed: UnsafeMutablePointer<Float>  // [T, channels]
    let gate: UnsafeMutablePointer<Float>  // [T, channels]
    let scanned: UnsafeMutablePointer<Float>  // [T, channels]
    let x: UnsafeMutablePointer<Float>  // [T, channels]
    let b: UnsafeMutablePointer<Float>  // [T, groups × states], or [T, channels] of a gated convolution
    let c: UnsafeMutablePointer<Float>  // [T, groups × states]
    /// Of what softplus read: in Mamba of what the layer of time steps wrote.
    let steps: UnsafeMutablePointer<Float>  // [T, S]
    let rank: UnsafeMutablePointer<Float>  // [T, rank]
    /// Of values before their norms, in Falcon Mamba.
    let rawRank: UnsafeMutablePointer<Float>  // [T, rank]
    let rawB: UnsafeMutablePointer<Float>  // [T, groups × states]
    let rawC: UnsafeMutablePointer<Float>  // [T, groups × states]
    let selection: UnsafeMutablePointer<Float>  // [T, rank + 2 × states], or [T, S] of a delta rule
    let activated: UnsafeMutablePointer<Float>  // [T, convolved]
    let convolved: UnsafeMutablePointer<Float>  // [T, convolved]
    /// `convolved` itself of a delta rule.
    let projected: UnsafeMutablePointer<Float>  // [T, projection]
    /// The states of one channel.
    let scratch: UnsafeMutablePointer<Float>  // [2 × T + 3, states]
    private let memory: FloatArena

    init(_ c: ModelConfiguration, _ space: StateSpace, tokens: Int) {
        let (inner, group, width) = (space.innerSize, space.groupWidth, space.convolutionWidth)
        let (isSelective, isConvolution) = (space.kind == .selective, space.kind == .convolution)
        let isDelta = space.kind == .delta
        let normalises = space.mixerEpsilon == nil && !isDelta ? 0 : 1
        let widths = [
            c.hiddenSize, inner, inner, inner, inner, isConvolution ? inner : group, group, space.stepWidth, space.rank,
            normalises * space.rank,
            normalises * group, normalises * group, isSelective ? space.selectionWidth : isDelta ? space.stepWidth : 0, width, width,
            isDelta ? 0 : space.projectionWidth,
        ]
        memory = FloatArena(counts: widths.map { $0 * tokens } + [(2 * tokens + 3) * space.stateSize + (isDelta ? 2 * tokens : 0)])
        let parts = memory.parts
        (output, mixed, gate, scanned, x) = (parts[0], parts[1], parts[2], parts[3], parts[4])
        (b, self.c, steps, rank) = (parts[5], parts[6], parts[7], parts[8])
        (rawRank, rawB, rawC) = normalises == 0 ? (parts[8], parts[5], parts[6]) : (parts[9], parts[10], parts[11])
        (selection, activated, convolved, projected) = (parts[12], parts[13], parts[14], isDelta ? parts[14] : parts[15])
        scratch = parts[16]
    }
}

extension GradientState {
    /// What the run kept of a state space, and its gradients.
    var ofStateSpace: (kept: StateSpaceState, own: StateSpaceGradients) {
        guard let kept = run.stateSpace, let own = stateSpace else { preconditionFailure("the model has no state spaces") }
        return (kept, own)
    }
}
