import ModelGraph

/// Refuses outputs that would replace what the graph is still read from.
public enum OutputCheck {
    /// - Throws: `FormatError.refused` when `path` is one of the graph's sources, or holds one however deep.
    public static func run(_ path: String, _ graph: TensorGraph) throws { try ReadPaths(graph).check(output: path) }
}
