import Architectures
import ModelGraph

extension TensorGraph {
    /// Checks every tensor that the architecture needs against the configuration: that it is there, and its shape. Reads no values.
    ///
    /// - Returns: how many were checked; nil when the architecture is not known.
    /// - Throws: `ModelError.missingTensor`, `.wrongShape`; `ConfigurationError` and `FormatError` for a broken configuration.
    public func checkShapes() throws -> Int? {
        guard let configuration = try configuration() else { return nil }
        let source = try WeightSource(graph: self, configuration: configuration)
        var checked = 0
        for rule in source.family.tensors where rule.module != .other {
            let blocks: [Int?] = rule.name.contains("{}") ? Array(0..<configuration.blockCount) : [nil]
            for block in blocks {
                if rule.isOptional, self[source.name(of: rule, block: block)] == nil { continue }
                _ = try source.tensor(rule.module, block: block)
                checked += 1
            }
        }
        return checked
    }
}
