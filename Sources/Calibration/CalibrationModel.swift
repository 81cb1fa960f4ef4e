import Backpropagation
import Execution
import Inference
import LinearAlgebra
import ModelGraph
import Models
import PassKit

/// A model with the token sequences that passes calibrate on.
public final class CalibrationModel: CalibrationProvider {
    let model: Transformer
    /// The model that `model` runs.
    private let source: Model
    let structure: GraphStructure
    let tokens: TokenSequences
    let execution: ExecutionContext
    private var knownEmbeddings: [[Float]]?

    /// - Parameter source: the original model.
    /// - Throws: what `Transformer.init` throws; `CalibrationError` when there is nothing to calibrate on.
    public init(_ source: Model, tokens: TokenSequences, _ execution: ExecutionContext) throws {
        guard tokens.scoredTokenCount > 0 else { throw CalibrationError.emptyText }
        model = try Transformer(source, weights: .openBLAS)
        self.source = source
        structure = source.graph.structure
        self.tokens = tokens
        self.execution = execution
    }

    /// The same model with other sequences; nil when there is nothing in them to score.
    public init?(like other: CalibrationModel, tokens: TokenSequences) {
        guard tokens.scoredTokenCount > 0 else { return nil }
        (model, source, structure, execution) = (other.model, other.source, other.structure, other.execution)
        self.tokens = tokens
    }

    /// Sequences whose inputs are in memory at a time.
    static let wave = 8

    public var sequenceCount: Int { tokens.sequences.count }
    public var scoredTokensPerSequence: Int { tokens.scoredTokenCount / max(tokens.sequences.count, 1) }

    /// Of an encoder, which predicts nothing: one less the cosine of its mean-pooled embedding to the original's.
    public func losses(sequences: [Int], replacing weights: [String: Matrix]) throws -> [Double] {
        try losses(sequences: sequences, of: model, replacing: weights)
    }

    /// - Throws: what `Transformer.init` throws.
    public func losses(sequences: [Int], of graph: TensorGraph) throws -> [Double] {
        try losses(sequences: sequences, of: try Transformer(source.with(graph), weights: .openBLAS), replacing: [:])
    }

    private func losses(sequences: [Int], of model: Transformer, replacing weights: [String: Matrix]) throws -> [Double] {
        var losses: [Double] = []
        for start in stride(from: 0, to: sequences.count, by: Perplexity.sequencesAtATime) {
            let part = Array(sequences[start..<min(start + Perplexity.sequencesAtATime, sequences.count)])
            losses += try self.losses(
                part, of: model, continuing: try model.embed(part.map { tokens.sequences[$0] }), from: 0, replacing: weights)
        }
        return losses
    }

    /// The loss of each sequence, from the hidden states that enter block `first` on.
    private func losses(
        _ sequences: [Int], of model: Transformer, continuing start: Transformer.Activations, from first: Int,
        replacing weights: [String: Matrix]
    ) throws -> [Double] {
        if model.isCausal {
            let losses = try model.tokenLosses(
                sequences.map { tokens.sequences[$0] }, continuing: start, from: first, replacing: weights, execution)
            return losses.map { $0.reduce(0, +) / Double(max($0.count, 1)) }
        }
        let reference = try originalEmbeddings()
        let found = try model.pooledEmbeddings(continuing: start, from: first, replacing: weights, execution)
        return zip(sequences, found).map { cosineDistance(reference[$0], $1) }
    }

    /// Mean-pooled embeddings of all sequences by the original model, made once.
    private func originalEmbeddings() throws -> [[Float]] {
        if let known = knownEmbeddings { return known }
        let made = try model.pooledEmbeddings(tokens.sequences, execution)
        knownEmbeddings = made
        return made
    }

    public var gradients: (any GradientProvider)? { CalibrationGradients(self) }

    /// What comes before the replaced layer's block is the original model's and computed once: half the work of doing without.
    public func losses(sequences: [Int], replacingEach names: [String], by weight: (Int) throws -> Matrix) throws -> [[Double]] {
        var activations = try model.embed(sequences.map { tokens.sequences[$0] })
        var losses = [[Double]](repeating: [], count: names.count)
        let blocks = names.map { structure.block(of: $0) ?? 0 }
        for block in 0..<model.configuration.blockCount {
            for index in names.indices where blocks[index] == block {
                losses[index] = try self.losses(
                    sequences, of: model, continuing: activations, from: block, replacing: [names[index]: try weight(index)])
            }
            try model.forward(&activations, through: try model.block(block), execution)
        }
        return losses
    }

    public func forEachSecondMoment(_ body: (InputGroup, Matrix) throws -> Void) throws {
        var activations = try model.embed(tokens.sequences)
        for block in 0..<model.configuration.blockCount {
            try execution.cancellation.check()
            let weights = try model.block(block)
            let moments = try secondMoments(&activations, through: weights)
            for input in BlockInput.allCases {
                guard let group = structure.inputGroups.first(where: { $0.block == block && $0.name == input.groupName }),
                    let moment = moments[input]
                else { continue }
                try body(group, moment)
            }
        }
    }

    public func forEachInputNorms(_ body: (InputGroup, [Float]) throws -> Void) throws {
        var activations = try model.embed(tokens.sequences)
        let total = Double(activations.tokenCounts.reduce(0, +))
        for block in 0..<model.configuration.blockCount {
            try execution.cancellation.check()
            let squares = InputSquares(sequences: activations.hidden.count)
            try model.forward(&activations, through: try model.block(block), execution) { squares.add($0, $1, $2, $3) }
            for input in BlockInput.allCases {
                guard let group = structure.inputGroups.first(where: { $0.block == block && $0.name == input.groupName }) else { continue }
                let sums = squares.sums(input)
                if !sums.isEmpty { try body(group, sums.map { Float(($0 / total).squareRoot()) }) }
            }
        }
    }

    /// Advances the activations through a block, some sequences at a time, and sums XᵀX over the inputs of each group. Waves and
    /// tiles are of fixed size and added in order, so that sums do not depend on the number of threads.
    func secondMoments(
        _ activations: inout Transformer.Activations, through weights: BlockWeights
    ) throws -> [BlockInput: Matrix] {
        var sums: [BlockInput: Matrix] = [:]
        let total = activations.tokenCounts.reduce(0, +)
        for start in stride(from: 0, to: activations.hidden.count, by: Self.wave) {
            let range = start..<min(start + Self.wave, activations.hidden.count)
            var part = activations[range]
            let inputs = InputCollector(tokenCounts: part.tokenCounts)
            try model.forward(&part, through: weights, execution) { sequence, input, values, width in
                inputs.collect(sequence, input, values, width)
            }
            activations[range] = part
            for input in BlockInput.allCases {
                let x = inputs.matrix(input)
                var sum = sums.removeValue(forKey: input) ?? Matrix(zeros: x.columns, x.columns)
                try SecondMoment.add(x, scale: 1 / Float(total), to: &sum, execution)
                sums[input] = sum
            }
        }
        return sums
    }
}
