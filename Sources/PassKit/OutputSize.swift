import ModelGraph

/// The size of the output that a graph would become, for passes that find out before they run whether a size can be met.
public struct OutputSize {
    /// Whether the size depends on the values, as in a format that compresses; a format of plain arrays has one size for a shape.
    public let dependsOnValues: Bool
    /// Bytes of the output that a graph would become, what made it left out.
    public let byteCount: (TensorGraph) throws -> Int

    public init(dependsOnValues: Bool, byteCount: @escaping (TensorGraph) throws -> Int) {
        self.dependsOnValues = dependsOnValues
        self.byteCount = byteCount
    }
}
