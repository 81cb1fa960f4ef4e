import CLibrary

/// Which rotary embedding turns a block's queries and keys.
public enum BlockRotation: Equatable, Sendable {
    case none
    /// That of the configuration's θ and scaling.
    case usual
    /// That of blocks with a sliding window, in families where these have a θ of their own.
    case local
}

/// The blocks of a model with rotary positions whose queries and keys do not turn (NoPE, Kazemnejad et al. 2023).
public enum UnturnedBlocks: Equatable, Sendable {
    case none
    /// Every n-th.
    case every(Int)
    /// One by one; blocks beyond the list turn.
    case listed([Bool])
    /// Those without a sliding window, if the model has one.
    case withoutWindow
}

extension ModelConfiguration {
    public func rotation(inBlock block: Int) -> BlockRotation {
        guard design.positions == .rotary else { return .none }
        let slides = window?.size(inBlock: block) != nil
        switch unturned {
        case .none: break
        case .every(let step): if step > 0, block % step == step - 1 { return .none }
        case .listed(let list): if block < list.count, list[block] { return .none }
        case .withoutWindow: if window != nil, !slides { return .none }
        }
        return localRopeTheta != nil && slides ? .local : .usual
    }

    /// θ^(−2i/d) for the pairs of components that turn, in float as the reference implementations have them.
    public var rotaryFrequencies: [Float] { frequencies(ropeTheta) }

    /// The same of blocks with a sliding window; nil where these have no θ of their own.
    public var localRotaryFrequencies: [Float]? { localRopeTheta.map(frequencies) }

    /// The multiple of the distance that each head takes from its scores, halving from head to head where there are eight of them; in bfloat16 where
    /// the design says so.
    public var distanceSlopes: [Float]? {
        guard design.positions == .linear else { return nil }
        var whole = 1
        while whole * 2 <= headCount { whole *= 2 }
        func slope(_ place: Double, of heads: Double) -> Float { Float(pow(2, -8 * place / heads)) }
        return (0..<headCount).map { head in
            let exact =
                head < whole
                ? slope(Double(head + 1), of: Double(whole)) : slope(Double(2 * (head - whole) + 1), of: Double(2 * whole))
            return design.roundsDistances ? exact.roundedToBFloat16 : exact
        }
    }
}

extension Float {
    /// The nearest number of bfloat16, the even one of two; for finite numbers.
    package var roundedToBFloat16: Float { Float(bitPattern: (bitPattern &+ 0x7FFF &+ (bitPattern >> 16 & 1)) & 0xFFFF_0000) }
}
