import ModelGraph

/// Where a pass stands in the middle of work on all tensors together: enough to go on from, and come to the same.
public struct PassSnapshot {
    /// Values that move, by names of the pass's own, as long as the pass makes them. What one is made of may change after it was kept.
    public var arrays: [String: DenseTensor] = [:]
    /// Counters, figures and curves, by names of the pass's own.
    public var numbers: [String: [Double]] = [:]

    public init() {}

    /// Adds an array.
    public mutating func set(_ name: String, _ floats: [Float]) throws {
        arrays[name] = try DenseTensor(floats: floats, shape: Shape(count: floats.count))
    }

    /// An array that was added; nil where there is none.
    public func floats(_ name: String) throws -> [Float]? { try arrays[name]?.floats() }
}
