import Architectures
import CKernels
import CLibrary
import Execution
import Matrices

/// From the last block's hidden states of a text to the logits of its classes: of the first token's state, or the mean of all, a layer, an
/// activation, a norm where there is one, and the last layer.
public struct Classifier {
    /// Whether its outputs are the logits of classes that exclude each other.
    package let isCategorical: Bool
    package let averages: Bool
    package let transform: any LinearMap
    package let transformBias: [Float]?
    package let activation: SequenceClassifier.Activation
    package let norm: Norm?
    /// [classes, hidden].
    package let weight: any LinearMap
    package let bias: [Float]?

    /// What came of a text on the way to its classes.
    package struct Run {
        /// Before the activation, after it, and after the norm, [hidden] each.
        package var raw: [Float]
        package var activated: [Float]
        package var normalised: [Float]
        /// [classes].
        package var logits: [Float]
    }

    /// - Parameter hidden: [tokens, hidden], of one token or more.
    package func run(_ hidden: [Float]) -> Run {
        let width = transform.inputSize
        var raw = applied(transform, transformBias, to: read(hidden, width))
        var activated = raw
        switch activation {
        case .tanh: for i in activated.indices { activated[i] = tanhf(raw[i]) }
        case .layer(let kind): kind.apply(&raw, into: &activated, count: raw.count)
        }
        var normalised = activated
        norm?.apply(activated, into: &normalised, tokens: 1)
        return Run(raw: raw, activated: activated, normalised: normalised, logits: applied(weight, bias, to: normalised))
    }

    private func read(_ hidden: [Float], _ width: Int) -> [Float] {
        guard averages else { return Array(hidden.prefix(width)) }
        var mean = [Float](repeating: 0, count: width)
        for (place, value) in hidden.enumerated() { mean[place % width] += value }
        return mean.map { $0 / Float(max(hidden.count / width, 1)) }
    }

    private func applied(_ map: any LinearMap, _ bias: [Float]?, to input: [Float]) -> [Float] {
        var output = [Float](repeating: 0, count: map.outputSize)
        output.withUnsafeMutableBufferPointer { buffer in
            guard let out = buffer.baseAddress else { return }
            map.apply(to: input, tokens: 1, into: out)
            if let bias { add(bias, to: out, rows: 1) }
        }
        return output
    }
}

extension WeightSource {
    /// - Throws: `ModelError.noClassifier` for a checkpoint of another class; `.missingTensor`, `.wrongShape`.
    func sequenceClassifier(_ execution: ExecutionContext) throws -> Classifier {
        guard let design = configuration.classifier, let last = name(.classifier) else { throw ModelError.noClassifier }
        let candidates: [Module] = [.classifierTransform, .pooler, .headTransform]
        guard let module = candidates.first(where: { name($0) != nil }), let first = name(module) else { throw ModelError.noClassifier }
        let width = configuration.hiddenSize
        return Classifier(
            isCategorical: design.problem == .singleLabel && design.labels.count > 1, averages: design.averages,
            transform: try linear(first, [width, width], [:], execution),
            transformBias: try vector(WeightSource.bias(of: first), width), activation: design.activation,
            norm: module == .headTransform ? try norm(.headNorm) : nil, weight: try linear(last, shape(.classifier), [:], execution),
            bias: try vector(WeightSource.bias(of: last), design.labels.count))
    }
}

extension Transformer {
    /// Whether the model sorts whole texts into classes, or gives them a number.
    public var isClassifier: Bool { configuration.classifier != nil }

    /// The head that does.
    ///
    /// - Throws: `ModelError.noClassifier` where there is none; for one with tensors that are missing or of the wrong shape.
    public func classifier(_ execution: ExecutionContext = ExecutionContext(threads: 1)) throws -> Classifier {
        try source.sequenceClassifier(execution)
    }

    /// The logits of the classes of each text, of hidden states that have left the last block.
    public func classLogits(final states: HiddenStates, _ execution: ExecutionContext) throws -> [[Float]] {
        let classifier = try classifier(execution)
        return (0..<states.count).map { classifier.run(states[$0]).logits }
    }

    /// The logits of the classes of each text, in their order.
    ///
    /// - Parameter types: of the tokens, where the model has such; nil for the first for all.
    /// - Throws: as `classifier` and `embed`.
    public func classLogits(
        _ sequences: [[Int32]], types: [[Int32]]? = nil, _ execution: ExecutionContext = ExecutionContext(threads: 1)
    ) throws -> [[Float]] {
        let classifier = try classifier(execution)
        let final = try finalHidden(continuing: try embed(sequences, types: types), from: 0, replacing: [:], execution)
        return final.map { classifier.run($0).logits }
    }
}
