import CLibrary

/// Queries of blocks without positions are multiplied by 1 + scale · ln(1 + ⌊(position + 1) / floor⌋) (Llama 4).
public struct QueryTemperature: Equatable, Sendable {
    public var scale: Double
    public var floor: Double

    package init(scale: Double, floor: Double) { (self.scale, self.floor) = (scale, floor) }

    public func factor(at position: Int) -> Float {
        1 + Float(scale) * log1pf(((Float(position) + 1) / Float(floor)).rounded(.down))
    }
}
