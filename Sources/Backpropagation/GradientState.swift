import Architectures
import Inference

/// What one sequence leaves behind on its way through a block and back: the inputs of the linear layers, and the gradients of their
/// outputs.
final class GradientState {
    let run: RunState
    let queries: UnsafeMutablePointer<Float>  // [T, heads × headSize]
    let keys: UnsafeMutablePointer<Float>  // [T, kvHeads × headSize]
    let values: UnsafeMutablePointer<Float>  // [T, kvHeads × valueSize]
    let attended: UnsafeMutablePointer<Float>  // [T, heads × valueSize]
    let attentionOutput: UnsafeMutablePointer<Float>  // [T, hidden]
    let normalised: UnsafeMutablePointer<Float>  // [T, hidden]
    let gate: UnsafeMutablePointer<Float>  // [T, intermediate]
    let up: UnsafeMutablePointer<Float>  // [T, intermediate]
    let down: UnsafeMutablePointer<Float>  // [T, hidden]
    let scores: UnsafeMutablePointer<Float>  // [T, T]
    /// Of fused layers; of no width in families without.
    let queryKeyValue: UnsafeMutablePointer<Float>  // [T, (heads + 2 × kvHeads) × headSize]
    let gateAndUp: UnsafeMutablePointer<Float>  // [T, 2 × intermediate]
    /// Of normalised query or key heads; of no width in families that do not normalise them.
    let heads: UnsafeMutablePointer<Float>  // [T, heads × headSize]
    /// Of the queries and keys of distances; of no rows in families without.
    let distanceQueries: UnsafeMutablePointer<Float>  // [rowCount, heads × headSize]
    let distanceKeys: UnsafeMutablePointer<Float>  // [rowCount, heads × headSize]
    /// Of the gates of heads; of no width in families without.
    let attentionGate: UnsafeMutablePointer<Float>  // [T, heads × headSize]
    private let gatesAttention: Bool
    /// Nil for families without.
    let latent: LatentGradients?
    let experts: ExpertGradients?
    let stateSpace: StateSpaceGradients?
    private let memory: FloatArena
    let tokens: Int
    /// Of a token's hidden state, and between the layers of an expert.
    private let (width, size): (Int, Int)

    init(_ c: ModelConfiguration, tokens: Int) {
        self.tokens = tokens
        gatesAttention = c.design.gatesAttention
        (width, size) = (c.hiddenSize, c.experts?.size ?? 0)
        run = RunState(c, tokens: tokens, forGradients: true)
        let (queryWidth, keyWidth) = (c.headCount * c.headSize, c.keyValueHeadCount * c.headSize)
        let intermediate = c.denseIntermediateSize
        latent = c.latent.map { LatentGradients(c, $0, tokens: tokens) }
        experts = c.experts.map { ExpertGradients(c, $0, tokens: tokens) }
        stateSpace = c.stateSpace.map { StateSpaceGradients(c, $0, tokens: tokens) }
        let widths = [
            queryWidth, keyWidth, c.keyValueHeadCount * c.valueSize, c.headCount * c.valueSize, c.hiddenSize, c.hiddenSize, intermediate,
            intermediate,
            c.hiddenSize, c.hasAttention ? tokens : 0,
            c.design.fusesQueryKeyValue ? queryWidth + 2 * keyWidth : c.design.gatesAttention ? 2 * queryWidth : 0,
            c.design.fusesGateAndUp ? 2 * intermediate : 0, c.design.headNorm == .none && !c.design.normalisesTurned ? 0 : queryWidth,
        ]
        let rows = c.distances?.rowCount ?? 0
        memory = FloatArena(
            counts: widths.map { $0 * tokens } + [rows * queryWidth, rows * queryWidth, gatesAttention ? tokens * queryWidth : 0])
        let parts = memory.parts
        (queries, keys, values, attended, attentionOutput) = (parts[0], parts[1], parts[2], parts[3], parts[4])
        (normalised, gate, up, down, scores) = (parts[5], parts[6], parts[7], parts[8], parts[9])
        (queryKeyValue, gateAndUp, heads) = (parts[10], parts[11], parts[12])
        (distanceQueries, distanceKeys, attentionGate) = (parts[13], parts[14], parts[15])
    }

    /// The activations [rows, in] that a layer read.
    func input(of layer: BlockLayer) -> UnsafePointer<Float> {
        switch layer {
        case .query, .key, .value, .queryKeyValue, .queryLatent, .keyValueLatent: return UnsafePointer(run.normalised)
        case .queryExpansion: return UnsafePointer(keptLatent.normalisedQuery)
        case .keyValueExpansion: return UnsafePointer(keptLatent.normalisedKeyValue)
        case .attentionOutput: return UnsafePointer(run.attended)
        case .gate, .up, .gateAndUp: return UnsafePointer(run.mlpInput)
        case .down: return UnsafePointer(run.activated)
        case .sharedGate, .sharedUp: return UnsafePointer(run.mlpInput)
        case .sharedDown: return UnsafePointer(kept.sharedActivated)
        case .expertGate(let expert), .expertUp(let expert): return rows(kept.input, width, of: expert)
        case .expertDown(let expert): return rows(kept.activated, size, of: expert)
        case .mixerInput, .mixerGate, .mixerRate, .mixerForgetting: return UnsafePointer(run.normalised)
        case .mixerSelection: return UnsafePointer(ofStateSpace.kept.activated)
        case .mixerTimeStep: return UnsafePointer(ofStateSpace.kept.rank)
        case .mixerOutput: return UnsafePointer(ofStateSpace.kept.mixed)
        }
    }

    /// What the run kept of experts.
    private var kept: ExpertState {
        guard let kept = run.experts else { preconditionFailure("the model has no experts") }
        return kept
    }

    private var keptLatent: LatentState {
        guard let kept = run.latent else { preconditionFailure("the model has no latent attention") }
        return kept
    }

    private var ownLatent: LatentGradients {
        guard let latent else { preconditionFailure("the model has no latent attention") }
        return latent
    }

    private var own: ExpertGradients {
        guard let experts else { preconditionFailure("the model has no experts") }
        return experts
    }

    /// The gradient [rows, out] with respect to what a layer wrote.
    func outputGradient(of layer: BlockLayer) -> UnsafePointer<Float> {
        switch layer {
        case .query where gatesAttention: return UnsafePointer(queryKeyValue)
        case .query, .queryExpansion: return UnsafePointer(queries)
        case .queryLatent: return UnsafePointer(ownLatent.query)
        case .keyValueLatent: return UnsafePointer(ownLatent.joined)
        case .keyValueExpansion: return UnsafePointer(ownLatent.expanded)
        case .key: return UnsafePointer(keys)
        case .value: return UnsafePointer(values)
        case .queryKeyValue: return UnsafePointer(queryKeyValue)
        case .attentionOutput: return UnsafePointer(attentionOutput)
        case .gate: return UnsafePointer(gate)
        case .up: return UnsafePointer(up)
        case .gateAndUp: return UnsafePointer(gateAndUp)
        case .down: return UnsafePointer(down)
        case .sharedGate: return UnsafePointer(own.sharedGate)
        case .sharedUp: return UnsafePointer(own.sharedUp)
        case .sharedDown: return UnsafePointer(own.sharedDown)
        case .expertGate(let expert): return rows(own.gate, size, of: expert)
        case .expertUp(let expert): return rows(own.up, size, of: expert)
        case .expertDown(let expert): return rows(own.down, width, of: expert)
        case .mixerInput: return UnsafePointer(ofStateSpace.own.projected)
        case .mixerSelection, .mixerRate: return UnsafePointer(ofStateSpace.own.selection)
        case .mixerGate: return UnsafePointer(ofStateSpace.own.gate)
        case .mixerForgetting: return UnsafePointer(ofStateSpace.own.steps)
        case .mixerTimeStep: return UnsafePointer(ofStateSpace.own.steps)
        case .mixerOutput: return UnsafePointer(ofStateSpace.own.output)
        }
    }
}
