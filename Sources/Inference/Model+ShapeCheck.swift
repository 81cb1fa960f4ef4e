import Architectures
import Matrices
import ModelGraph
import Models

extension Model {
    /// Checks every tensor that the architecture needs against the configuration: that it is there, and its shape. Reads no values.
    ///
    /// - Returns: how many were checked; nil when the architecture is not known.
    /// - Throws: `ModelError.missingTensor`, `.wrongShape`.
    public func checkShapes() throws -> Int? {
        guard let configuration else { return nil }
        let source = try WeightSource(graph: graph, configuration: configuration, weights: .floats(PortableProduct()))
        var checked = 0
        for rule in source.family.tensors where rule.module != .other && (rule.module != .classifier || configuration.classifier != nil) {
            let blocks: [Int?] = rule.name.contains("{}") ? Array(0..<(configuration.ownBlockCount ?? configuration.blockCount)) : [nil]
            let parts: [Int?] = rule.isOfPart ? Array(0..<configuration.partCount(of: rule.module)) : [nil]
            for block in blocks where block.map({ configuration.has(rule.module, inBlock: $0) }) ?? true {
                for expert in parts {
                    let name = source.name(of: rule, ownBlock: block, expert: expert)
                    if rule.isOptional, graph[name] == nil { continue }
                    _ = try source.tensor(name, source.shape(rule.module))
                    checked += 1
                }
            }
        }
        return checked
    }
}
