import CLibrary

/// Queries are multiplied by 1 + scale · ln(1 + ⌊(position + first) / floor⌋): in blocks without positions (Llama 4, first 1), or in all (Ministral 3, first 0).
public struct QueryTemperature: Equatable, Sendable {
    public var scale: Double
    public var floor: Double
    /// What the first position counts as.
    public var first = 1
    /// Whether it is that of blocks that turn, too.
    public var isInAllBlocks = false

    package init(scale: Double, floor: Double) { (self.scale, self.floor) = (scale, floor) }

    /// That of all blocks, which begins beyond the original context.
    package init(scale: Double, originalContext: Int) {
        (self.scale, floor, first, isInAllBlocks) = (scale, Double(originalContext), 0, true)
    }

    public func factor(at position: Int) -> Float {
        1 + Float(scale) * log1pf((Float(position + first) / Float(floor)).rounded(.down))
    }
}
