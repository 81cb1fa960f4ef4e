import Architectures
import ModelGraph

extension WeightSource {
    /// The shape of the norm of queries or keys: [width of all heads] or [head size], or with a weight for each head [heads, head size], which are
    /// tensors of their own in some families.
    func headNormShape(_ module: Module) -> [Int] {
        let c = configuration
        let heads = c.partCount(of: module)
        switch c.design.headNorm {
        case .whole: return [heads * c.headSize]
        case .perHead where family.rule(of: module)?.isOfPart != true: return [heads, c.headSize]
        case .none, .each, .perHead: return [c.headSize]
        }
    }

    /// The norm of queries or keys; nil where they have none.
    ///
    /// - Throws: `ModelError.missingTensor`, `.wrongShape`; `GraphError` for weights that are not finite.
    func headNorm(_ module: Module, block: Int) throws -> Norm? {
        let c = configuration
        guard c.has(module, inBlock: block), let rule = family.rule(of: module) else { return nil }
        guard c.design.headNorm == .perHead else { return try norm(module, block: block) }
        let heads = c.partCount(of: module)
        let parts: [Int?] = rule.isOfPart ? Array(0..<heads) : [nil]
        var weight: [Float] = []
        for head in parts {
            let name = name(of: rule, ownBlock: c.ownBlock(block), expert: head)
            let values = try tensor(name, headNormShape(module)).payload.densifiedFloats()
            guard values.allSatisfy(\.isFinite) else { throw GraphError.notFinite("tensor '\(name)'") }
            weight += values
        }
        return Norm(
            kind: .layerWithoutBias, weight: weight, bias: [Float](repeating: 0, count: weight.count), epsilon: Float(c.normEpsilon),
            heads: heads)
    }
}
