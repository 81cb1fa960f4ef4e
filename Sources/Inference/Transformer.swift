import Architectures
import CKernels
import Execution
import Matrices
import ModelGraph
import Models

/// A transformer that runs a graph, dense or composite, in float32: a decoder that predicts the next token, or an encoder.
///
/// Blocks are the outer loop and sequences the inner one, so that of a model too large for memory only one block's weights are
/// there at a time. Sequences run side by side, each on one thread: results do not depend on the number of threads.
public final class Transformer {
    public let configuration: ModelConfiguration
    private(set) var source: WeightSource
    private let pool: RunStatePool
    private let rotaryFrequencies: RotaryFrequencies?
    /// Weights kept between calls; nil when the model is too large for that.
    private var resident: [BlockWeights]?
    private var residentHead: OutputHead?

    /// Weights of all blocks and the head are kept as floats when they take at most this many bytes; those of others are decoded whenever their block is
    /// run, some operations a weight, where each token takes two.
    public static let residentLimit = 128 << 20

    /// - Parameter weights: how they are held, and what multiplies them.
    /// - Throws: `ModelError` when the architecture is unknown, a tensor is missing or has a shape that the configuration does
    ///   not allow; `ConfigurationError`; `GraphError` for weights that cannot be computed with.
    public init(_ model: Model, weights: WeightForm) throws {
        let graph = model.graph
        guard let configuration = model.configuration else {
            throw ModelError.unknownArchitecture(graph)
        }
        guard model.quantization.isEmpty else { throw ModelError.quantized(model.quantization) }
        guard configuration.unsupportedFeatures.isEmpty else {
            throw ModelError.unsupportedFeatures(configuration.unsupportedFeatures)
        }
        self.configuration = configuration
        let parameters = graph.tensors.reduce(0) { $0 + $1.shape.elementCount }
        source = try WeightSource(graph: graph, configuration: configuration, weights: weights)
        pool = RunStatePool(configuration)
        rotaryFrequencies = RotaryFrequencies(configuration)
        if source.stored != nil || parameters <= Transformer.residentLimit / 4 {
            // The largest come first: what decoding them takes is free again before the last are held.
            try source.prepareStoredTables()
            residentHead = try source.outputHead()
            var blocks: [BlockWeights] = []
            var next = 0
            while next < configuration.blockCount {
                next = configuration.sharedBlocks(next).upperBound
                blocks.append(try source.block(next - 1, [:], ExecutionContext(threads: 1)))
            }
            resident = blocks
        }
        if source.stored != nil { source.forgetFiles() }
    }

    /// Whether the weights are kept as floats.
    public var isResident: Bool { resident != nil }

    /// Bytes of weights that are kept as they are stored, in memory or in mapped files.
    public var byteCount: Int { source.stored?.byteCount ?? 0 }

    /// The hidden states of some sequences, advanced block by block.
    public struct Activations {
        /// One [tokens, hidden] matrix a sequence.
        public var hidden: [[Float]]
        public let tokenCounts: [Int]

        public init(hidden: [[Float]], tokenCounts: [Int]) {
            self.hidden = hidden
            self.tokenCounts = tokenCounts
        }

        /// Those of some of the sequences.
        public subscript(range: Range<Int>) -> Activations {
            get { Activations(hidden: Array(hidden[range]), tokenCounts: Array(tokenCounts[range])) }
            set { hidden.replaceSubrange(range, with: newValue.hidden) }
        }
    }

    /// Whether the model predicts the next token; otherwise its outputs are embeddings.
    public var isCausal: Bool { configuration.design.isCausal }

    /// The name of a linear layer's weight; nil where the family has no such layer.
    package func name(of layer: BlockLayer, block: Int) -> String? { source.name(layer, block: block) }

    /// The tensor that holds a module's weight, which for a tied head is the embedding; nil where the family has no such module.
    package func tensorName(_ module: Module) throws -> String? { try source.name(module) == nil ? nil : source.tensor(module).name }

    /// Looks up the embeddings of token sequences; those of positions and of the first token type are added where the family has them.
    ///
    /// - Parameters:
    ///   - types: of the tokens of each sequence, where the family has such; nil for the first for all.
    ///   - start: the position of the first token of each sequence.
    /// - Throws: `ModelError.badToken` for a token outside the vocabulary, `.tooLong` where there are no positions for a sequence.
    public func embed(_ sequences: [[Int32]], types: [[Int32]]? = nil, from start: Int = 0) throws -> Activations {
        let c = configuration
        let embedding = try source.tensor(.tokenEmbedding)
        let table = try source.rowReader(.tokenEmbedding)
        let hidden = try sequences.map { tokens in
            let width = c.embeddingWidth
            var rows = [Float](repeating: 0, count: tokens.count * width)
            try rows.withUnsafeMutableBufferPointer { rows in
                for (position, token) in tokens.enumerated() {
                    guard token >= 0, Int(token) < c.vocabularySize else {
                        throw ModelError.badToken(token, vocabularySize: c.vocabularySize)
                    }
                    try table(Int(token), UnsafeMutableBufferPointer(rebasing: rows[position * width..<(position + 1) * width]))
                }
            }
            if c.embeddingScale != 1 {
                let scale = Float(c.embeddingScale)
                for index in rows.indices { rows[index] *= scale }
            }
            return rows
        }
        guard hidden.allSatisfy({ $0.allSatisfy(\.isFinite) }) else { throw GraphError.notFinite("tensor '\(embedding.name)'") }
        let tokens = Activations(hidden: hidden, tokenCounts: sequences.map(\.count))
        if [.rotary, .none].contains(configuration.design.positions), source.name(.embeddingNorm) == nil { return tokens }
        return try projected(addingPositions(tokens, sequences, types, from: start))
    }

    /// The weights of one block, with some linear layers replaced by matrices of the same shape.
    public func block(
        _ index: Int, replacing replacements: ReplacedWeights = [:], _ execution: ExecutionContext = ExecutionContext(threads: 1)
    ) throws -> BlockWeights {
        guard let resident else { return try source.block(index, replacements, execution) }
        var block = resident[configuration.ownBlock(index)]
        let replaced = configuration.layers(inBlock: index).compactMap { layer in
            name(of: layer, block: index).map { (layer: layer, name: $0) }
        }
        .filter { replacements.contains($0.name) }
        let maps = try execution.uncheckedParallelMap(replaced.count) { slot in
            try source.linear(replaced[slot].name, source.shape(replaced[slot].layer.module), replacements, execution)
        }
        for (entry, map) in zip(replaced, maps) { block.layers[entry.layer] = map }
        return block
    }

    /// Runs one block on all sequences.
    ///
    /// - Parameter observer: called on the sequence's thread with its index and the inputs of each group of linear layers.
    public func forward(
        _ activations: inout Activations, through weights: BlockWeights, _ execution: ExecutionContext,
        observer: ((Int, BlockInput, UnsafeBufferPointer<Float>, Int) -> Void)? = nil
    ) throws {
        let c = configuration
        let counts = activations.tokenCounts
        Operations.addBlockRuns(counts.count)
        let rotary = self.rotary(lengths: counts)
        try activations.hidden.withUnsafeMutableBufferPointer { hidden in
            let slots = hidden
            try sideBySide(tokens: counts.max() ?? 0, execution).uncheckedParallelFor(counts.count) { index in
                pool.withState(tokens: counts[index]) { state in
                    slots[index].withUnsafeMutableBufferPointer { rows in
                        guard let base = rows.baseAddress, counts[index] > 0 else { return }
                        let sequenceObserver = observer.map { observe in
                            { (input: BlockInput, values: UnsafeBufferPointer<Float>, width: Int) in observe(index, input, values, width) }
                        }
                        weights.forward(base, tokens: counts[index], c, rotary[counts[index]], state, observer: sequenceObserver)
                    }
                }
            }
        }
    }

    /// As many threads as there may be sequences of so many tokens under way at a time: a quarter of the memory holds their states. Products
    /// within a sequence use the others.
    package func sideBySide(tokens: Int, _ execution: ExecutionContext, forGradients: Bool = false) -> ExecutionContext {
        let each = max(RunState.byteCount(configuration, tokens: tokens) * (forGradients ? 3 : 1), 1)
        return execution.with(threads: min(execution.threads, execution.memory.byteLimit / 4 / each))
    }

    /// Scratch memory for one sequence of at most so many tokens.
    package func withState<Result>(tokens: Int, _ body: (RunState) throws -> Result) rethrows -> Result {
        try pool.withState(tokens: tokens, body)
    }

    /// The rotary embeddings of sequences that run side by side.
    package func rotary(lengths: [Int]) -> SequenceTables {
        SequenceTables(lengths, limit: configuration.ropeScaling.lengthLimit) { rotary(at: 0..<$0, length: $0) }
    }

    /// Nil for families that do not turn queries and keys.
    func rotary(at positions: Range<Int>, length: Int) -> RotaryTables? {
        rotaryFrequencies.map { RotaryTables(configuration, $0, positions: positions, length: length) }
    }

    /// The logits [tokens, vocabulary] of one sequence's final hidden states.
    public func logits(_ hidden: [Float], tokens: Int, head: OutputHead) -> [Float] { head.logits(hidden, tokens: tokens) }

    /// Whether there is an output head; encoders may go without.
    public var hasHead: Bool { source.hasHead }

    /// The output head: a weight of its own, or the embedding that it is tied to.
    ///
    /// - Throws: `ModelError.noHead` for an encoder that has none.
    public func head(_ execution: ExecutionContext = ExecutionContext(threads: 1)) throws -> OutputHead {
        if let residentHead { return residentHead }
        guard let head = try source.outputHead(execution) else { throw ModelError.noHead }
        return head
    }

    /// The logits of every position of one sequence, [tokens, vocabulary].
    public func logits(of tokens: [Int32], _ execution: ExecutionContext = ExecutionContext(threads: 1)) throws -> [Float] {
        var activations = try embed([tokens])
        for index in 0..<configuration.blockCount { try forward(&activations, through: try block(index, execution), execution) }
        return logits(activations.hidden[0], tokens: tokens.count, head: try head())
    }
}
