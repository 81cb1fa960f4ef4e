/// What a pass works from.
public struct PassReads: OptionSet, Sendable {
    public let rawValue: Int

    public init(rawValue: Int) { self.rawValue = rawValue }

    /// The values of the tensors as the pass before left them, whatever they are made of.
    public static let values = PassReads(rawValue: 1)
    /// The tensors' parts as the pass before left them, which stay what they are: rank, positions, codes.
    public static let parts = PassReads(rawValue: 2)
    /// The low-rank parts that the pass before left.
    public static let lowRank = PassReads(rawValue: 4)
    /// The tensors of the model that the pipeline began with.
    public static let original = PassReads(rawValue: 8)
    /// The calibration text, where the pass is given any.
    public static let calibration = PassReads(rawValue: 16)

    private static let names: [(PassReads, String)] = [
        (.values, "the values before it"), (.parts, "the parts before it"), (.lowRank, "the low-rank parts before it"),
        (.original, "the original model"), (.calibration, "calibration text"),
    ]

    /// Each of them in words, for help.
    public var texts: [String] { PassReads.names.filter { contains($0.0) }.map(\.1) }
}

/// What a pass makes of the tensors that a later pass may throw away.
public enum PassResult: Sendable {
    /// Entries and zeros.
    case entries
    /// Low-rank parts, from which all else that it leaves follows.
    case lowRank
    /// Parts that are more than their sum: rank beside entries, codes.
    case parts
    /// Anything else, such as other values of the parts that are there.
    case other
}
