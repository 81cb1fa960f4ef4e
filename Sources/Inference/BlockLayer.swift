import Architectures

/// The linear layers of a block.
public enum BlockLayer: Hashable, Sendable {
    case query, key, value, queryKeyValue, queryLatent, queryExpansion, keyValueLatent, keyValueExpansion, attentionOutput, gate, up,
        gateAndUp, down
    /// Of the expert that all tokens go through.
    case sharedGate, sharedUp, sharedDown
    /// Of one of the experts that tokens are sent to.
    case expertGate(Int), expertUp(Int), expertDown(Int)
    /// Of a block with a state space; the two between are Mamba's.
    case mixerInput, mixerSelection, mixerTimeStep, mixerOutput
    /// Of a gated delta rule.
    case mixerGate, mixerRate, mixerForgetting

    package var module: Module {
        switch self {
        case .query: return .query
        case .key: return .key
        case .value: return .value
        case .queryKeyValue: return .queryKeyValue
        case .queryLatent: return .queryLatent
        case .queryExpansion: return .queryExpansion
        case .keyValueLatent: return .keyValueLatent
        case .keyValueExpansion: return .keyValueExpansion
        case .attentionOutput: return .attentionOutput
        case .gate: return .gate
        case .up: return .up
        case .gateAndUp: return .gateAndUp
        case .down: return .down
        case .sharedGate: return .sharedGate
        case .sharedUp: return .sharedUp
        case .sharedDown: return .sharedDown
        case .expertGate: return .expertGate
        case .expertUp: return .expertUp
        case .expertDown: return .expertDown
        case .mixerInput: return .mixerInput
        case .mixerSelection: return .mixerSelection
        case .mixerTimeStep: return .mixerTimeStep
        case .mixerOutput: return .mixerOutput
        case .mixerGate: return .mixerGate
        case .mixerRate: return .mixerRate
        case .mixerForgetting: return .mixerForgetting
        }
    }

    /// The number of its expert.
    package var expert: Int? {
        switch self {
        case .expertGate(let expert), .expertUp(let expert), .expertDown(let expert): return expert
        default: return nil
        }
    }
}

extension ModelConfiguration {
    /// The layers that a block may have: those of the family are among them.
    package func layers(inBlock block: Int) -> [BlockLayer] {
        let parts = parts(inBlock: block)
        let mixer = layers(of: parts.mixer, block)
        guard parts.hasMLP else { return mixer }
        guard let experts = experts(inBlock: block) else { return mixer + [.gate, .up, .gateAndUp, .down] }
        let shared: [BlockLayer] = experts.sharedSize > 0 ? [.sharedGate, .sharedUp, .sharedDown] : []
        return mixer + shared + (0..<experts.count).flatMap { [.expertGate($0), .expertUp($0), .expertDown($0)] }
    }

    private func layers(of mixer: BlockParts.Mixer, _ block: Int) -> [BlockLayer] {
        switch mixer {
        case .none: return []
        case .stateSpace: return [.mixerInput, .mixerGate, .mixerRate, .mixerForgetting, .mixerSelection, .mixerTimeStep, .mixerOutput]
        case .attention:
            let inputs: [BlockLayer] =
                latent == nil
                ? [.query, .key, .value, .queryKeyValue] : [.query, .queryLatent, .queryExpansion, .keyValueLatent, .keyValueExpansion]
            return inputs.filter { has($0.module, inBlock: block) } + [.attentionOutput]
        }
    }
}
