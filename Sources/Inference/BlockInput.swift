import Architectures

/// Where a block's linear layers take their inputs; an observer is called with each of them.
public enum BlockInput: Hashable, Sendable {
    case attentionInput, attentionOutput, mlpInput, mlpOutput
    /// The few numbers that queries, and keys and values, are made of.
    case queryLatent, keyValueLatent
    /// What the second layer reads of the expert that all tokens go through.
    case sharedOutput
    /// What the layers of one of the other experts read: those of the tokens that were sent to it.
    case expertInput(Int), expertOutput(Int)
    /// Of a block with a state space: what its first and its last layer read, and in Mamba those between.
    case mixerInput, mixerSelection, mixerTimeStep, mixerOutput

    /// The name of the input group in `GraphStructure`.
    public var groupName: String {
        switch self {
        case .attentionInput: return "attention-input"
        case .attentionOutput: return "attention-output"
        case .mlpInput: return "mlp-input"
        case .mlpOutput: return "mlp-output"
        case .queryLatent: return "query-latent"
        case .keyValueLatent: return "key-value-latent"
        case .sharedOutput: return "shared-output"
        case .expertInput(let expert): return "expert-input-\(expert)"
        case .expertOutput(let expert): return "expert-output-\(expert)"
        case .mixerInput: return "mixer-input"
        case .mixerSelection: return "mixer-selection"
        case .mixerTimeStep: return "mixer-time-step"
        case .mixerOutput: return "mixer-output"
        }
    }
}

/// Called with the activations [tokens, width] that a group of linear layers is about to read.
public typealias InputObserver = (BlockInput, UnsafeBufferPointer<Float>, _ width: Int) -> Void

extension ModelConfiguration {
    /// The inputs of a block, in the order in which they are read.
    package func inputs(ofBlock block: Int) -> [BlockInput] {
        let parts = parts(inBlock: block)
        let mixer = inputs(of: parts.mixer)
        guard parts.hasMLP else { return mixer }
        guard let experts = experts(inBlock: block) else { return mixer + [.mlpInput, .mlpOutput] }
        let own = (0..<experts.count).flatMap { [BlockInput.expertInput($0), .expertOutput($0)] }
        return mixer + [.mlpInput] + own + (experts.sharedSize > 0 ? [.sharedOutput] : [])
    }

    private func inputs(of mixer: BlockParts.Mixer) -> [BlockInput] {
        switch mixer {
        case .none: return []
        case .stateSpace:
            return [.mixerInput] + (stateSpace?.kind == .selective ? [.mixerSelection, .mixerTimeStep] : []) + [.mixerOutput]
        case .attention:
            return [.attentionInput] + (latent?.queryRank == nil ? [] : [.queryLatent]) + (latent == nil ? [] : [.keyValueLatent])
                + [.attentionOutput]
        }
    }
}
