import StrictJSON

/// A selective state space in the place of attention: a convolution of each channel x over the last tokens, and for each channel a state h
/// of N numbers that passes from token to token, with A < 0 and D learned, and the time step Δ, B and C made of the token:
///
///     hₜ = exp(Δₜ A) ⊙ hₜ₋₁ + Δₜ xₜ Bₜ,   yₜ = Cₜ · hₜ + D xₜ
public struct StateSpace: Equatable, Sendable {
    public enum Kind: Sendable {
        /// Mamba (Gu and Dao 2023, arXiv 2312.00752, algorithm 2): a Δ for each channel, made of a few numbers; N numbers of A for each channel.
        case selective
        /// Mamba-2 (Dao and Gu 2024, arXiv 2405.21060, section 7): Δ, A and D are the same for all channels of a head, B and C for the heads of a
        /// group; what the last layer reads is normalised group by group.
        case heads
        /// A gated convolution alone, without states (LFM2): what is convolved is B ⊙ x, and C ⊙ of what comes of it is read by the last layer.
        case convolution
        /// A gated delta rule (Yang et al. 2024, arXiv 2412.06464): `headCount` heads of values with a state S each, [key, value], that is written
        /// over along a key k of `stateSize` numbers, of which there is one for the heads of a group: Sₜ = αₜ Sₜ₋₁ + kₜ βₜ (vₜ − kₜᵀ αₜ Sₜ₋₁), yₜ = qₜᵀ Sₜ.
        case delta
    }

    public var kind: Kind
    /// Channels.
    public var innerSize: Int
    /// N, the numbers of a channel's state.
    public var stateSize: Int
    /// Tokens that the convolution sees, the one that it is for among them.
    public var kernelSize: Int
    /// What follows the convolution; nil for that of the design.
    public var activation: BlockDesign.Activation?
    /// Numbers that time steps are made of; 0 in Mamba-2.
    public var rank = 0
    /// Sets of channels with one Δ and A: every channel is one in Mamba.
    public var headCount: Int
    public var groupCount = 1
    /// What time steps are kept within.
    public var leastStep = 0.0
    public var mostStep = Double.infinity
    /// ε of the root mean squares that B, C and what Δ is made of are divided by; nil where they are not.
    public var mixerEpsilon: Double?

    /// As llama.cpp's converter has it: there is no end to what a state can take in.
    package static let contextLength = 1 << 20
    /// More numbers than the state of any model has.
    static let maximumStateCount = 1 << 28

    package init(kind: Kind, innerSize: Int, stateSize: Int, kernelSize: Int, headCount: Int) {
        (self.kind, self.innerSize, self.stateSize) = (kind, innerSize, stateSize)
        (self.kernelSize, self.headCount) = (kernelSize, headCount)
    }

    /// Channels of a head.
    public var headSize: Int { innerSize / headCount }
    /// Numbers of a token's B, and of its C.
    public var groupWidth: Int { groupCount * stateSize }
    /// Channels that are convolved: x, and in Mamba-2 B and C; of a delta rule queries, keys and values.
    public var convolutionWidth: Int { [.heads, .delta].contains(kind) ? innerSize + 2 * groupWidth : innerSize }
    /// What the first layer puts out: x and its gate; in Mamba-2 B, C and time steps too; of a gated convolution B, C and x.
    public var projectionWidth: Int {
        switch kind {
        case .selective: return 2 * innerSize
        case .heads: return innerSize + convolutionWidth + headCount
        case .convolution: return 3 * innerSize
        case .delta: return convolutionWidth
        }
    }
    /// Of Mamba: what Δ is made of, B and C.
    public var selectionWidth: Int { rank + 2 * stateSize }
    /// Numbers of A for each head.
    public var decayCount: Int { kind == .selective ? stateSize : 1 }
    public var stateCount: Int { innerSize * stateSize }

    /// - Throws: `ConfigurationError` for a value that no model can have.
    func checkInvariants() throws {
        let sizes = 1...ModelConfiguration.maximumDimension
        let hasStates = kind != .convolution
        for (name, value) in [
            ("intermediate_size", innerSize), ("state_size", hasStates ? stateSize : 1), ("conv_kernel", kernelSize),
            ("num_heads", headCount), ("n_groups", groupCount), ("time_step_rank", kind == .selective ? rank : 1),
        ] {
            guard sizes.contains(value) else { throw ConfigurationError("\(name) is \(value)") }
        }
        guard innerSize % headCount == 0 else { throw ConfigurationError("\(innerSize) channels are not \(headCount) heads") }
        guard headCount % groupCount == 0 else {
            throw ConfigurationError("num_heads \(headCount) is no multiple of n_groups \(groupCount)")
        }
        guard stateCount <= StateSpace.maximumStateCount else {
            throw ConfigurationError("\(innerSize) channels with a state_size of \(stateSize) are more than any model has")
        }
        guard sizes.contains(projectionWidth), sizes.contains(convolutionWidth), !hasStates || sizes.contains(selectionWidth) else {
            throw ConfigurationError("\(innerSize) channels with \(groupCount) groups of \(stateSize) are more than any model has")
        }
        guard leastStep >= 0, leastStep < mostStep, Float(leastStep).isFinite else {
            throw ConfigurationError("time_step_limit is \(leastStep) to \(mostStep)")
        }
        if let mixerEpsilon, !(mixerEpsilon >= 0 && mixerEpsilon < 1) { throw ConfigurationError("mixer_rms_eps is \(mixerEpsilon)") }
    }
}
