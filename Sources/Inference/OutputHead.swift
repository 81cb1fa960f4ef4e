import Architectures
import CKernels
import Execution

/// From the last block's hidden states to logits: a norm, or the transform of encoders that fill in tokens; the head's weight; a cap.
public struct OutputHead {
    /// norm(act(W h + b)).
    package struct Transform {
        let weight: any LinearMap
        let bias: [Float]?
        let activation: BlockDesign.Activation
        let norm: Norm
    }

    /// Nil for families whose last block has normalised already.
    package let norm: Norm?
    package let transform: Transform?
    /// [vocabulary, hidden].
    package let weight: any LinearMap
    package let bias: [Float]?
    package let softCap: Float?

    /// The logits [tokens, vocabulary] of hidden states [tokens, hidden].
    package func logits(_ hidden: [Float], tokens: Int) -> [Float] {
        let width = weight.outputSize
        let input = normalised(hidden, tokens: tokens)
        return [Float](unsafeUninitializedCapacity: tokens * width) { buffer, initialized in
            initialized = tokens * width
            guard tokens > 0, let out = buffer.baseAddress else { return }
            weight.apply(to: input, tokens: tokens, into: out)
            if let bias { add(bias, to: out, rows: tokens) }
            if let softCap { caplet_soft_cap(out, 1, softCap, tokens * width) }
        }
    }

    /// What the head's weight reads, [tokens, hidden].
    package func normalised(_ hidden: [Float], tokens: Int) -> [Float] {
        var result = hidden
        if let transform {
            result = [Float](repeating: 0, count: tokens * transform.weight.outputSize)
            result.withUnsafeMutableBufferPointer { buffer in
                guard tokens > 0, let out = buffer.baseAddress else { return }
                transform.weight.apply(to: hidden, tokens: tokens, into: out)
                if let bias = transform.bias { add(bias, to: out, rows: tokens) }
                transform.activation.apply(out, into: out, count: buffer.count)
                transform.norm.apply(out, into: out, tokens: tokens)
            }
        }
        if let norm { norm.apply(hidden, into: &result, tokens: tokens) }
        return result
    }
}

/// Adds a bias to every row.
package func add(_ bias: [Float], to rows: UnsafeMutablePointer<Float>, rows count: Int) {
    for row in 0..<count {
        let start = rows + row * bias.count
        for i in bias.indices { start[i] += bias[i] }
    }
}

extension WeightSource {
    /// Whether the model has an output head: encoders may go without.
    package var hasHead: Bool {
        guard let name = name(.head), let rule = family.rule(of: .head) else { return false }
        return !rule.isOptional || graph[name] != nil
    }

    /// The output head; nil for an encoder without.
    package func outputHead(_ execution: ExecutionContext = ExecutionContext(threads: 1)) throws -> OutputHead? {
        guard hasHead, let name = name(.head) else { return nil }
        let c = configuration
        return OutputHead(
            norm: try finalNorm(), transform: try headTransform(execution),
            weight: try linear(name, shape(.head), [:], execution), bias: try headBias(), softCap: c.logitSoftCap.map(Float.init))
    }

    /// With logits that are multiplied by a factor: the head reads that multiple.
    private func finalNorm() throws -> Norm? {
        guard configuration.design.isCausal else { return nil }
        guard self.name(.finalNorm) != nil || configuration.design.norm == .layerWithoutWeight else { return nil }
        return try norm(.finalNorm, scale: configuration.logitMultiplier)
    }

    /// Under a name of its own, or beside the head's weight.
    private func headBias() throws -> [Float]? {
        guard let name = name(.headBias) ?? self.name(.head).map(WeightSource.bias) else { return nil }
        return try vector(name, shape(.headBias)[0])
    }

    private func headTransform(_ execution: ExecutionContext) throws -> OutputHead.Transform? {
        guard let name = name(.headTransform) else { return nil }
        return OutputHead.Transform(
            weight: try linear(name, shape(.headTransform), [:], execution),
            bias: try vector(WeightSource.bias(of: name), configuration.embeddingWidth),
            activation: family.headActivation ?? configuration.design.activation,
            norm: try norm(.headNorm))
    }
}
