/// What of a tensor may move beside the values that a pruning pass kept.
public struct MovableKinds: OptionSet, Sendable {
    public let rawValue: Int

    public init(rawValue: Int) { self.rawValue = rawValue }

    /// The scales of codes.
    public static let scales = MovableKinds(rawValue: 1)
    /// All values of dense matrices.
    public static let dense = MovableKinds(rawValue: 2)
}
