import Architectures
import Execution
import Matrices
import ModelGraph

/// Where the weights of a graph are found by the part that they play, and checked against the configuration as they are read.
struct WeightSource {
    private(set) var graph: TensorGraph
    let configuration: ModelConfiguration
    let family: ArchitectureFamily
    private let prefix: NamePrefix
    /// Nil where weights become floats.
    let stored: StoredWeights?
    private let products: any MatrixProduct

    /// - Throws: `ModelError.unknownArchitecture`.
    init(graph: TensorGraph, configuration: ModelConfiguration, weights: WeightForm) throws {
        guard let family = ArchitectureFamily.named(configuration.architecture) else {
            throw ModelError.unknownArchitecture("'\(configuration.architecture)'")
        }
        self.graph = graph
        self.configuration = configuration
        self.family = family
        prefix = family.prefix(graph.contains)
        switch weights {
        case .floats(let products): (stored, self.products) = (nil, products)
        case .stored(let team): (stored, products) = (StoredWeights(team), PortableProduct())
        }
    }

    /// The tensor's name; nil where the family has no such module.
    func name(_ module: Module, block: Int? = nil) -> String? {
        family.name(of: module, prefix: prefix, block: block.map(configuration.ownBlock))
    }

    /// - Parameter ownBlock: the place of the weights among those that blocks have.
    func name(of rule: TensorRule, ownBlock: Int?, expert: Int? = nil) -> String {
        family.name(of: rule, prefix: prefix, block: ownBlock, expert: expert)
    }

    func name(_ layer: BlockLayer, block: Int) -> String? {
        family.name(of: layer.module, prefix: prefix, block: configuration.ownBlock(block), expert: layer.expert)
    }

    /// The shape that the configuration gives a module's weight: [out, in], or [width] of a norm.
    func shape(_ module: Module) -> [Int] {
        let c = configuration
        let (queries, keys) = (c.headCount * c.headSize, c.keyValueHeadCount * c.headSize)
        let (queryRank, keyRank) = (c.latent?.queryRank ?? 0, c.latent?.keyValueRank ?? 0)
        switch module {
        case .tokenEmbedding, .head: return [c.vocabularySize, c.embeddingWidth]
        case .headBias: return [c.vocabularySize]
        case .headTransform: return [c.embeddingWidth, c.hiddenSize]
        case .embeddingProjection: return [c.hiddenSize, c.embeddingWidth]
        case .pooler, .classifierTransform: return [c.hiddenSize, c.hiddenSize]
        case .classifier: return [c.classifier?.labels.count ?? 0, c.hiddenSize]
        case .positionEmbedding: return [c.contextLength + c.design.firstPosition, c.embeddingWidth]
        case .relativeEmbedding: return [c.distances?.rowCount ?? 0, c.hiddenSize]
        case .tokenTypeEmbedding: return [c.tokenTypeCount, c.embeddingWidth]
        case .embeddingNorm, .headNorm: return [c.embeddingWidth]
        case .relativeNorm, .finalNorm, .attentionNorm, .attentionOutputNorm, .mlpNorm,
            .mlpOutputNorm:
            return [c.hiddenSize]
        case .queryNorm, .keyNorm: return headNormShape(module)
        case .query: return [(c.design.gatesAttention ? 2 : 1) * queries, c.hiddenSize]
        case .key, .value: return [keys, c.hiddenSize]
        case .queryKeyValue: return [queries + 2 * keys, c.hiddenSize]
        case .attentionOutput: return [c.hiddenSize, c.headCount * c.valueSize]
        case .queryLatent: return [queryRank, c.hiddenSize]
        case .queryLatentNorm: return [queryRank]
        case .queryExpansion: return [queries, queryRank]
        case .keyValueLatent: return [keyRank + c.rotarySize, c.hiddenSize]
        case .keyValueLatentNorm: return [keyRank]
        case .keyValueExpansion: return [c.headCount * (c.headSize - c.rotarySize + c.valueSize), keyRank]
        case .gate, .up: return [c.intermediateSize, c.hiddenSize]
        case .gateAndUp: return [2 * c.intermediateSize, c.hiddenSize]
        case .down: return [c.hiddenSize, c.intermediateSize]
        case .sinks: return [c.headCount]
        case .routerCorrection: return [c.experts?.count ?? 0]
        case .router: return [c.experts?.count ?? 0, c.hiddenSize]
        case .expertGate, .expertUp: return [c.experts?.size ?? 0, c.hiddenSize]
        case .expertDown: return [c.hiddenSize, c.experts?.size ?? 0]
        case .sharedRouter: return [1, c.hiddenSize]
        case .sharedGate, .sharedUp: return [c.experts?.sharedSize ?? 0, c.hiddenSize]
        case .sharedDown: return [c.hiddenSize, c.experts?.sharedSize ?? 0]
        case .mixerInput, .mixerSelection, .mixerTimeStep, .mixerOutput, .mixerConvolution, .mixerDecay, .mixerSkip, .mixerTimeStepBias,
            .mixerNorm, .mixerGate, .mixerRate, .mixerForgetting:
            return c.stateSpace?.shape(module, hidden: c.hiddenSize) ?? []
        case .other: return []
        }
    }

    /// - Throws: `ModelError.missingTensor` and `.wrongShape`.
    func tensor(_ module: Module, block: Int? = nil) throws -> Tensor {
        try tensor(name(module, block: block) ?? module.rawValue, shape(module))
    }

    func tensor(_ name: String, _ shape: [Int]) throws -> Tensor {
        guard let tensor = graph[name] else { throw ModelError.missingTensor(name) }
        guard tensor.shape.dimensions == shape else {
            throw ModelError.wrongShape(name, expected: shape, found: tensor.shape.dimensions)
        }
        return tensor
    }

    /// A linear weight [out, in], or the replacement given for it.
    func linear(
        _ name: String, _ shape: [Int], _ replacements: ReplacedWeights, _ execution: ExecutionContext
    ) throws -> any LinearMap {
        if let matrix = try replacements.matrix(name) {
            guard [matrix.rows, matrix.columns] == shape else {
                throw ModelError.wrongShape(name, expected: shape, found: [matrix.rows, matrix.columns])
            }
            return LinearOperator(matrix, products)
        }
        let tensor = try tensor(name, shape)
        return try stored?.linearMap(of: tensor) ?? LinearOperator(tensor.payload, name: name, products, execution)
    }

    /// A function that reads single rows of a table as floats.
    func rowReader(_ module: Module) throws -> RowReading {
        let tensor = try tensor(module)
        guard let stored else { return try tensor.payload.rowReader() }
        let table = try stored.linearMap(of: tensor)
        return { row, out in
            if let base = out.baseAddress { table.readRow(row, into: base) }
        }
    }

    /// Lets go of what the model's files hold beside its tensors.
    mutating func forgetFiles() {
        graph.attachments = []
        graph.metadata = Metadata()
    }

    /// Makes the tables ready that rows are read from, where weights stay as they are stored.
    func prepareStoredTables() throws {
        guard stored != nil else { return }
        let tables: [Module] = [.tokenEmbedding, .positionEmbedding, .tokenTypeEmbedding]
        for module in tables where name(module) != nil { _ = try rowReader(module) }
    }

    /// The floats of a vector of finite values; nil when it is absent.
    func vector(_ name: String, _ count: Int) throws -> [Float]? {
        guard graph.contains(name) else { return nil }
        let values = try tensor(name, [count]).payload.densifiedFloats()
        guard values.allSatisfy(\.isFinite) else { throw GraphError.notFinite("tensor '\(name)'") }
        return values
    }

    /// The bias [out] of a linear layer; nil where it is absent.
    ///
    /// - Throws: `ModelError.unsupportedFeatures` for one that the configuration says the layer does not have.
    private func bias(_ layer: BlockLayer, _ weight: String) throws -> [Float]? {
        let name = WeightSource.bias(of: weight)
        if let biased = configuration.biasedModules, !biased.contains(layer.module), graph.contains(name) {
            throw ModelError.unsupportedFeatures(["the bias '\(name)' that config.json denies"])
        }
        return try vector(name, shape(layer.module)[0])
    }

    /// The bias beside a weight: ".bias" for ".weight".
    static func bias(of name: String) -> String { TensorRule.bias(of: name) ?? name + ".bias" }

    /// Nil where the family has no such norm.
    func optionalNorm(_ module: Module, block: Int) throws -> Norm? {
        name(module, block: block) == nil ? nil : try norm(module, block: block)
    }

    /// The norm of what attention or MLP reads, which has no tensors where there is nothing to learn.
    func inputNorm(_ module: Module, block: Int) throws -> Norm? {
        let c = configuration
        if c.design.norm == .layerWithoutWeight { return try norm(module, block: block) }
        // One that is there only in models whose MLP reads the sum after attention.
        if !c.has(module, inBlock: block) { return nil }
        if c.design.isParallel, family.rule(of: module)?.isOptional == true { return nil }
        return try optionalNorm(module, block: block)
    }

    /// Of encoders with norms before their parts: what they end with, which the head does not then.
    private func closingNorm(block: Int) throws -> Norm? {
        let c = configuration
        guard !c.design.isCausal, c.design.placement == .before, block == c.blockCount - 1 else { return nil }
        return try norm(.finalNorm)
    }

    /// - Parameters:
    ///   - scale: what its outputs are multiplied by.
    ///   - epsilon: where it is not that of the model.
    func norm(_ module: Module, block: Int? = nil, scale: Double = 1, epsilon: Double? = nil) throws -> Norm {
        let (name, kind) = (self.name(module, block: block) ?? module.rawValue, configuration.design.norm)
        let width = shape(module)[0]
        var weight = [Float](repeating: 1, count: width)
        var bias: [Float]?
        if kind != .layerWithoutWeight {
            guard let found = try vector(name, width) else { throw ModelError.missingTensor(name) }
            weight = found
            bias = try vector(WeightSource.bias(of: name), width)
        }
        let hasBias = kind == .layer || kind == .layerOffset
        if hasBias, bias == nil { throw ModelError.missingTensor(WeightSource.bias(of: name)) }
        if kind == .rootMeanSquareOffset || kind == .layerOffset {
            for index in weight.indices { weight[index] += 1 }
        }
        if scale != 1 {
            weight = weight.map { Float(scale) * $0 }
            bias = bias?.map { Float(scale) * $0 }
        }
        return Norm(
            kind: kind, weight: weight, bias: hasBias ? bias ?? [] : [Float](repeating: 0, count: width),
            epsilon: Float(epsilon ?? configuration.normEpsilon))
    }

    /// Nil for families without.
    private func sinks(_ block: Int) throws -> [Float]? {
        guard let name = name(.sinks, block: block) else { return nil }
        guard let found = try vector(name, configuration.headCount) else { throw ModelError.missingTensor(name) }
        return found
    }

    /// The weights of a block, its linear layers made side by side.
    func block(_ index: Int, _ replacements: ReplacedWeights, _ execution: ExecutionContext) throws -> BlockWeights {
        var layers: [BlockLayer: any LinearMap] = [:]
        var biases: [BlockLayer: [Float]] = [:]
        let named = configuration.layers(inBlock: index).compactMap { layer in name(layer, block: index).map { (layer: layer, name: $0) } }
        let maps = try execution.uncheckedParallelMap(named.count) { slot in
            try linear(named[slot].name, shape(named[slot].layer.module), replacements, execution)
        }
        for (entry, map) in zip(named, maps) {
            layers[entry.layer] = map
            biases[entry.layer] = try bias(entry.layer, entry.name)
        }
        try checkStepBias(biases, index)
        let parts = configuration.parts(inBlock: index)
        // Where an MLP is all that there is the one norm is its own.
        let mlpNorm = try parts.mixer == .none ? norm(.attentionNorm, block: index) : inputNorm(.mlpNorm, block: index)
        return BlockWeights(
            design: configuration.design, parts: parts, window: configuration.window?.size(inBlock: index),
            isChunked: configuration.window?.isChunked ?? false,
            relative: try relativePositions(), rotation: configuration.rotation(inBlock: index), slopes: configuration.distanceSlopes,
            sinks: try sinks(index), stateSpace: try stateSpace(index),
            attentionNorm: try parts.mixer == .none ? nil : inputNorm(.attentionNorm, block: index),
            latentNorms: try latentNorms(index), turnedNorm: turnedNorm(index), queryNorm: try headNorm(.queryNorm, block: index),
            keyNorm: try headNorm(.keyNorm, block: index),
            attentionOutputNorm: try optionalNorm(.attentionOutputNorm, block: index),
            mlpNorm: mlpNorm,
            mlpOutputNorm: try optionalNorm(.mlpOutputNorm, block: index), closingNorm: try closingNorm(block: index),
            router: try router(index, execution), layers: layers,
            biases: biases, products: products)
    }
}
