import Architectures
import Synchronization

/// Scratch memory for one sequence on its way through a block; shapes in elements, T the longest sequence.
package final class RunState {
    package let normalised: UnsafeMutablePointer<Float>  // [T, hidden]
    package let queries: UnsafeMutablePointer<Float>  // [T, heads × headSize]
    package let keys: UnsafeMutablePointer<Float>  // [T, kvHeads × headSize]
    package let values: UnsafeMutablePointer<Float>  // [T, kvHeads × valueSize]
    package let scores: UnsafeMutablePointer<Float>  // [T, T]
    package let attended: UnsafeMutablePointer<Float>  // [T, heads × valueSize]
    package let gate: UnsafeMutablePointer<Float>  // [T, intermediate]
    package let up: UnsafeMutablePointer<Float>  // [T, intermediate]
    /// What a layer puts out that stands for several; of families that have such.
    package let fused: UnsafeMutablePointer<Float>  // [T, (heads + 2 × kvHeads) × headSize] or [T, 2 × intermediate], the wider
    /// Of families with norms or factors after attention and MLP: what these put out, and the norm of it.
    package let attentionOutput: UnsafeMutablePointer<Float>  // [T, hidden]
    package let mlpOutput: UnsafeMutablePointer<Float>  // [T, hidden]
    package let normalisedOutput: UnsafeMutablePointer<Float>  // [T, hidden]
    /// The sum after attention, before any norm of it; nil unless the backward pass needs it.
    package let middle: UnsafeMutablePointer<Float>?  // [T, hidden]
    /// The sum after the MLP; nil unless the backward pass needs it.
    package let sum: UnsafeMutablePointer<Float>?  // [T, hidden]
    /// Queries and keys before their norms; nil unless the backward pass needs them.
    package let rawQueries: UnsafeMutablePointer<Float>?  // [T, heads × headSize]
    package let rawKeys: UnsafeMutablePointer<Float>?  // [T, kvHeads × headSize]
    /// Scores of the last head after their cap; nil unless the backward pass needs them.
    package let cappedScores: UnsafeMutablePointer<Float>?  // [T, T]
    /// The MLP's normalised input: `normalised` itself unless the backward pass needs both.
    package let mlpInput: UnsafeMutablePointer<Float>  // [T, hidden]
    /// What the MLP's second layer reads: `gate` itself unless the backward pass needs both.
    package let activated: UnsafeMutablePointer<Float>  // [T, intermediate]
    /// Of families with embeddings of distances: these as queries and keys, and their products with a head's keys and queries.
    package let distanceQueries: UnsafeMutablePointer<Float>  // [rowCount, heads × headSize]
    package let distanceKeys: UnsafeMutablePointer<Float>  // [rowCount, heads × headSize]
    package let queryDistances: UnsafeMutablePointer<Float>  // [T, rowCount]
    package let keyDistances: UnsafeMutablePointer<Float>  // [T, rowCount]
    /// σ of the gates of heads; of no width in families without.
    package let attentionGate: UnsafeMutablePointer<Float>  // [T, heads × headSize]
    /// Nil for families without.
    package let latent: LatentState?
    package let experts: ExpertState?
    package let stateSpace: StateSpaceState?
    private let memory: FloatArena
    package let capacity: Int

    /// About what one takes for so many tokens.
    package static func byteCount(_ c: ModelConfiguration, tokens: Int) -> Int {
        let heads = (c.headCount + c.keyValueHeadCount) * (c.headSize + c.valueSize)
        return StateSpaceState.byteCount(c, tokens: tokens) + LatentState.byteCount(c, tokens: tokens) + 4 * tokens
            * (2 * c.hiddenSize + heads + 2 * c.denseIntermediateSize + (c.hasAttention ? 2 * tokens : 0))
            + ExpertState.byteCount(c, tokens: tokens)
    }

    /// - Parameter forGradients: keep what the backward pass through the block needs.
    package init(_ c: ModelConfiguration, tokens: Int, forGradients: Bool = false) {
        capacity = tokens
        let design = c.design
        let (queryWidth, keyWidth) = (c.headCount * c.headSize, c.keyValueHeadCount * c.headSize)
        let fusedWidth = max(
            design.fusesQueryKeyValue ? queryWidth + 2 * keyWidth : design.gatesAttention ? 2 * queryWidth : 0,
            design.fusesGateAndUp ? 2 * c.denseIntermediateSize : 0)
        let outputWidth = c.adjustsOutputs || c.experts != nil ? c.hiddenSize : 0
        let intermediate = c.denseIntermediateSize
        latent = c.latent.map { LatentState(c, $0, tokens: tokens) }
        experts = c.experts.map { ExpertState(c, $0, tokens: tokens, forGradients: forGradients) }
        stateSpace = c.stateSpace.map { StateSpaceState($0, tokens: tokens, forGradients: forGradients) }
        let keepsHeads = forGradients && (design.headNorm != .none || design.normalisesTurned)
        let (valueWidth, attendedWidth) = (c.keyValueHeadCount * c.valueSize, c.headCount * c.valueSize)
        let keepsCapped = forGradients && c.attentionSoftCap != nil
        let kept = forGradients ? 1 : 0
        let widths = [
            c.hiddenSize, queryWidth, keyWidth, valueWidth, c.hasAttention ? tokens : 0, attendedWidth, intermediate, intermediate,
            fusedWidth,
            outputWidth, kept * outputWidth, outputWidth, kept * c.hiddenSize, kept * c.hiddenSize, keepsHeads ? queryWidth : 0,
            keepsHeads ? keyWidth : 0, keepsCapped ? tokens : 0, kept * c.hiddenSize, kept * intermediate,
        ]
        let rows = c.distances?.rowCount ?? 0
        memory = FloatArena(
            counts: widths.map { $0 * tokens } + [rows * queryWidth, rows * queryWidth, rows * tokens, rows * tokens]
                + [design.gatesAttention ? tokens * queryWidth : 0])
        let parts = memory.parts
        (distanceQueries, distanceKeys, queryDistances, keyDistances) = (parts[19], parts[20], parts[21], parts[22])
        attentionGate = parts[23]
        (normalised, queries, keys, values) = (parts[0], parts[1], parts[2], parts[3])
        (scores, attended, gate, up, fused) = (parts[4], parts[5], parts[6], parts[7], parts[8])
        (attentionOutput, mlpOutput, normalisedOutput) = (parts[9], forGradients ? parts[10] : parts[9], parts[11])
        (middle, sum) = forGradients ? (parts[12], parts[13]) : (nil, nil)
        (rawQueries, rawKeys) = keepsHeads ? (parts[14], parts[15]) : (nil, nil)
        cappedScores = keepsCapped ? parts[16] : nil
        (mlpInput, activated) = forGradients ? (parts[17], parts[18]) : (parts[0], parts[6])
    }
}

/// Several arrays of floats in one allocation, each aligned to 64 bytes.
package final class FloatArena {
    package let parts: [UnsafeMutablePointer<Float>]
    private let base: UnsafeMutableRawPointer

    package init(counts: [Int]) {
        let padded = counts.map { ($0 + 15) / 16 * 16 }
        let total = padded.reduce(0, +)
        base = UnsafeMutableRawPointer.allocate(byteCount: max(total, 1) * 4, alignment: 64)
        var next = base.bindMemory(to: Float.self, capacity: total)
        parts = padded.map { count in
            defer { next += count }
            return next
        }
    }

    deinit { base.deallocate() }
}

/// Run states that are not in use, kept for the next sequence.
package final class RunStatePool {
    private let idle = Mutex<[UncheckedState]>([])
    private let configuration: ModelConfiguration

    /// Safe to share: a state that is in use is not in the pool, so that it has one user at a time.
    private struct UncheckedState: @unchecked Sendable {
        let state: RunState
    }

    package init(_ configuration: ModelConfiguration) { self.configuration = configuration }

    package func withState<Result>(tokens: Int, _ body: (RunState) throws -> Result) rethrows -> Result {
        let reused = idle.withLock { $0.popLast() }?.state
        let state = reused.flatMap { $0.capacity >= tokens ? $0 : nil } ?? RunState(configuration, tokens: tokens)
        defer {
            let returned = UncheckedState(state: state)
            idle.withLock { $0.append(returned) }
        }
        return try body(state)
    }
}
