import Architectures

/// Scratch memory of a state space for one sequence; shapes in elements, T the longest sequence, S the channels of Mamba and the heads of Mamba-2.
package final class StateSpaceState {
    /// What the first layer puts out.
    package let projected: UnsafeMutablePointer<Float>  // [T, projection]
    /// What is convolved, after as many tokens before it as the kernel reaches back.
    package let window: UnsafeMutablePointer<Float>  // [kernel − 1 + T, convolved]
    package let convolved: UnsafeMutablePointer<Float>  // [T, convolved]
    /// `convolved` itself unless the backward pass needs both.
    package let activated: UnsafeMutablePointer<Float>  // [T, convolved]
    /// `activated` itself in Mamba.
    package let x: UnsafeMutablePointer<Float>  // [T, channels]
    /// C of a gated convolution.
    package let gate: UnsafeMutablePointer<Float>  // [T, channels]
    /// Of Mamba: what time steps are made of, B and C side by side; of a delta rule how much of a token is written.
    package let selection: UnsafeMutablePointer<Float>  // [T, rank + 2 × states] or [T, S]
    /// These before they are normalised where they are; the same as after else.
    package let rawRank: UnsafeMutablePointer<Float>  // [T, rank]
    package let rawB: UnsafeMutablePointer<Float>  // [T, groups × states]
    package let rawC: UnsafeMutablePointer<Float>  // [T, groups × states]
    package let rank: UnsafeMutablePointer<Float>  // [T, rank]
    /// Of a gated convolution what x is multiplied by; of a delta rule queries, and in the place of C keys.
    package let b: UnsafeMutablePointer<Float>  // [T, groups × states] or [T, channels]
    package let c: UnsafeMutablePointer<Float>  // [T, groups × states]
    /// Before softplus.
    package let rawSteps: UnsafeMutablePointer<Float>  // [T, S]
    package let steps: UnsafeMutablePointer<Float>  // [T, S]
    package let scanned: UnsafeMutablePointer<Float>  // [T, channels]
    /// Of Mamba-2: gated, before the norm; of a delta rule normalised, before the gate.
    package let gated: UnsafeMutablePointer<Float>  // [T, channels]
    /// What the last layer reads.
    package let mixed: UnsafeMutablePointer<Float>  // [T, channels]
    /// Of sequences that begin here.
    let states: UnsafeMutablePointer<Float>  // [channels, states]
    /// What a delta rule writes for a token.
    let written: UnsafeMutablePointer<Float>  // [channels]
    private let memory: FloatArena

    package init(_ space: StateSpace, tokens: Int, forGradients: Bool) {
        let kept = forGradients ? 1 : 0
        let (inner, width, isHeads) = (space.innerSize, space.convolutionWidth, space.kind == .heads)
        let (isSelective, isConvolution) = (space.kind == .selective, space.kind == .convolution)
        let isDelta = space.kind == .delta
        let normalises = space.mixerEpsilon == nil && !isDelta ? 0 : 1
        let steps = space.stepWidth
        let widths = [
            space.projectionWidth, width, width, kept * width, isSelective ? 0 : inner, inner,
            isSelective ? space.selectionWidth : isDelta ? steps : 0, space.rank,
            isConvolution ? inner : space.groupWidth, space.groupWidth, normalises * space.rank, normalises * space.groupWidth,
            normalises * space.groupWidth, steps, steps, isConvolution ? 0 : inner, isHeads || isDelta ? inner : 0, inner,
        ]
        var counts = widths.map { $0 * tokens }
        counts[1] += (space.kernelSize - 1) * width
        memory = FloatArena(counts: counts + [space.stateCount, isDelta ? inner : 0])
        let parts = memory.parts
        (projected, window, convolved, activated) = (parts[0], parts[1], parts[2], forGradients ? parts[3] : parts[2])
        (x, gate, selection) = (isSelective ? activated : parts[4], parts[5], parts[6])
        (rawRank, rawB, rawC) = (parts[7], parts[8], parts[9])
        (rank, b, c) = normalises == 0 ? (parts[7], parts[8], parts[9]) : (parts[10], parts[11], parts[12])
        (rawSteps, self.steps, scanned, gated, mixed) = (parts[13], parts[14], parts[15], parts[16], parts[17])
        (states, written) = (parts[18], parts[19])
    }

    /// About what one takes for so many tokens.
    static func byteCount(_ c: ModelConfiguration, tokens: Int) -> Int {
        guard let space = c.stateSpace else { return 0 }
        let width = space.projectionWidth + 2 * space.convolutionWidth + 4 * space.innerSize + 2 * space.groupWidth + 2 * space.stepWidth
        return 4 * (tokens * width + space.stateCount)
    }
}

extension StateSpace {
    /// Time steps of a token.
    package var stepWidth: Int { kind == .convolution ? 0 : headCount }
}
