/// What a block of a model consists of: something that mixes tokens, an MLP or experts, or both, each after a norm.
public struct BlockParts: Equatable, Sendable {
    public enum Mixer: Sendable {
        /// An MLP is all that there is.
        case none
        case attention
        case stateSpace
    }

    public var mixer: Mixer
    /// Whether there is an MLP, or experts.
    public var hasMLP: Bool

    public static let attention = BlockParts(mixer: .attention, hasMLP: true)
    public static let attentionAlone = BlockParts(mixer: .attention, hasMLP: false)
    public static let stateSpace = BlockParts(mixer: .stateSpace, hasMLP: true)
    public static let stateSpaceAlone = BlockParts(mixer: .stateSpace, hasMLP: false)
    public static let mlpAlone = BlockParts(mixer: .none, hasMLP: true)
}

extension ModelConfiguration {
    /// The parts of a block: those that are listed, or those that all blocks of the family have.
    public func parts(inBlock block: Int) -> BlockParts {
        if let blockParts, blockParts.indices.contains(block) { return blockParts[block] }
        return stateSpace == nil ? .attention : .stateSpaceAlone
    }

    /// Whether no block has attention because none of the family has: there are no heads then.
    public var isAttentionFree: Bool { blockParts == nil && stateSpace != nil }

    /// Whether any block has attention.
    public var hasAttention: Bool { blockParts.map { $0.contains { $0.mixer == .attention } } ?? (stateSpace == nil) }

    /// - Throws: `ConfigurationError` for another number of kinds than of blocks, and for blocks that lack what they consist of.
    func checkBlockParts() throws {
        guard let blockParts else { return }
        guard blockParts.count == blockCount else {
            throw ConfigurationError("the kinds of \(blockParts.count) blocks are listed, of num_hidden_layers \(blockCount)")
        }
        if stateSpace == nil, blockParts.contains(where: { $0.mixer == .stateSpace }) {
            throw ConfigurationError("blocks have a state space of which no size is known")
        }
    }
}

extension Module {
    /// Whether it is a part of attention, and so of blocks that have it.
    var isOfAttention: Bool {
        [Module].attention.contains(self) || [Module].latentInput.contains(self) || [Module].latentExpansion.contains(self)
            || [.queryLatentNorm, .keyValueLatentNorm, .sinks, .queryNorm, .keyNorm, .attentionOutputNorm].contains(self)
    }

    /// The same of a state space.
    var isOfStateSpace: Bool {
        [
            .mixerInput, .mixerSelection, .mixerTimeStep, .mixerOutput, .mixerConvolution, .mixerDecay, .mixerSkip, .mixerTimeStepBias,
            .mixerNorm, .mixerGate, .mixerRate, .mixerForgetting,
        ].contains(self)
    }

    /// The same of an MLP, or of the experts in its place.
    var isOfMLP: Bool {
        [Module].mlp.contains(self) || [Module].experts.contains(self) || [Module].sharedExpert.contains(self)
            || [.mlpNorm, .mlpOutputNorm, .router, .routerCorrection].contains(self)
    }
}
