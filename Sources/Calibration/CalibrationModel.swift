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
    private var knownOutputs: (embeddings: [[Float]], classes: [[Float]])?
    var scarceExperts = ScarceExperts()

    /// - Parameter source: the original model.
    /// - Throws: what `Transformer.init` throws; `CalibrationError` when there is nothing to calibrate on.
    public init(_ source: Model, tokens: TokenSequences, _ execution: ExecutionContext) throws {
        guard tokens.scoredTokenCount > 0 else { throw CalibrationError.emptyText }
        model = try Transformer(source, weights: .openBLAS(on: execution))
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

    /// Sequences whose inputs are summed at a time: of some 2048 tokens, whatever the machine, because sums depend on it.
    private var momentWave: Int { max(1, 2048 / max(tokens.sequences.map(\.count).max() ?? 1, 1)) }

    public var sequenceCount: Int { tokens.sequences.count }
    public var scoredTokensPerSequence: Int { tokens.scoredTokenCount / max(tokens.sequences.count, 1) }

    /// Of an encoder, which predicts nothing: one less the cosine of its mean-pooled embedding to the original's; where it sorts texts
    /// into classes the divergence of these is added.
    public func losses(sequences: [Int], replacing weights: ReplacedWeights) throws -> [Double] {
        try losses(sequences: sequences, of: model, replacing: weights)
    }

    /// - Throws: what `Transformer.init` throws.
    public func losses(sequences: [Int], of graph: TensorGraph) throws -> [Double] {
        try losses(sequences: sequences, of: try Transformer(source.with(graph), weights: .openBLAS(on: execution)), replacing: [:])
    }

    private func losses(sequences: [Int], of model: Transformer, replacing weights: ReplacedWeights) throws -> [Double] {
        let states = try HiddenStates(sequences.map { tokens.sequences[$0] }, of: model, execution)
        return try losses(sequences, of: model, continuing: states, from: 0, replacing: weights)
    }

    /// The loss of each sequence, from the hidden states that enter block `first` on, which are moved on to the last.
    private func losses(
        _ sequences: [Int], of model: Transformer, continuing states: HiddenStates, from first: Int, replacing weights: ReplacedWeights
    ) throws -> [Double] {
        try model.forward(states, through: first..<model.configuration.blockCount, replacing: weights, execution)
        if model.isCausal {
            let losses = try model.tokenLosses(sequences.map { tokens.sequences[$0] }, final: states, execution)
            return losses.map { $0.reduce(0, +) / Double(max($0.count, 1)) }
        }
        let reference = try originalOutputs()
        let distances = zip(sequences, model.pooledEmbeddings(final: states)).map { cosineDistance(reference.embeddings[$0], $1) }
        guard model.isClassifier else { return distances }
        let classifier = try model.classifier(execution)
        let classes = try model.classLogits(final: states, execution)
        return sequences.indices.map {
            distances[$0] + classifier.divergence(classes[$0], from: reference.classes[sequences[$0]])
        }
    }

    /// Of the original model: mean-pooled embeddings of all sequences, and the logits of their classes where it has such; made once.
    private func originalOutputs() throws -> (embeddings: [[Float]], classes: [[Float]]) {
        if let known = knownOutputs { return known }
        let states = try HiddenStates(tokens.sequences, of: model, execution)
        try model.forward(states, through: 0..<model.configuration.blockCount, execution)
        let made = (model.pooledEmbeddings(final: states), model.isClassifier ? try model.classLogits(final: states, execution) : [])
        knownOutputs = made
        return made
    }

    public var warnings: [String] { [scarceExperts.note(of: model.configuration.experts)].compactMap { $0 } }
    public var gradients: (any GradientProvider)? { CalibrationGradients(self) }

    /// What comes before the replaced layer's block is the original model's and computed once: half the work of doing without.
    public func forEachLoss(
        sequences: [Int], replacingEach names: [String], by weight: (Int) throws -> Matrix, _ body: (Int, [Double]) throws -> Void
    ) throws {
        let states = try HiddenStates(sequences.map { tokens.sequences[$0] }, of: model, execution)
        let blocks = names.map { structure.block(of: $0) ?? 0 }
        for block in 0..<model.configuration.blockCount {
            for index in names.indices where blocks[index] == block {
                try body(
                    index,
                    losses(
                        sequences, of: model, continuing: try states.copy(execution), from: block,
                        replacing: [names[index]: try weight(index)]))
            }
            try model.forward(states, through: block..<block + 1, execution)
        }
    }

    /// The groups of a block whose inputs are asked for.
    func groups(_ block: Int, _ isWanted: (InputGroup) -> Bool) -> [(input: BlockInput, group: InputGroup)] {
        let own = structure.inputGroups.filter { $0.block == block && isWanted($0) }
        let named = Dictionary(own.map { ($0.name, $0) }) { first, _ in first }
        return model.configuration.inputs(ofBlock: block).compactMap { input in named[input.groupName].map { (input, $0) } }
    }

    public func forEachSecondMoment(
        of isWanted: (InputGroup) -> Bool, _ body: (InputGroup, Matrix) throws -> Void
    ) throws {
        let wanted = structure.inputGroups.filter(isWanted)
        guard let last = wanted.map(\.block).max() else { return }
        let states = try HiddenStates(tokens.sequences, of: model, execution)
        var block = 0
        while block <= min(last, model.configuration.blockCount - 1) {
            try execution.cancellation.check()
            let groups = groups(block, isWanted)
            let shared = model.configuration.sharedBlocks(block)
            block = shared.upperBound
            if groups.isEmpty {
                try model.forward(states, through: shared, execution)
                continue
            }
            // Let go of before the moments are worked on.
            let moments = try sharedMoments(states, through: shared, of: groups.map(\.input))
            for (input, group) in groups { if let moment = moments[input] { try body(group, moment) } }
        }
    }

    public func forEachInputNorms(_ body: (InputGroup, [Float]) throws -> Void) throws {
        let states = try HiddenStates(tokens.sequences, of: model, execution)
        for shared in model.configuration.sharedBlocks {
            let block = shared.lowerBound
            let squares = InputSquares(model.configuration.inputs(ofBlock: block), sequences: states.count)
            for next in shared {
                try execution.cancellation.check()
                let weights = try model.block(next, execution)
                for range in states.waves(model.wave(execution)) {
                    var part = states[range]
                    try model.forward(&part, through: weights, execution) { squares.add(range.lowerBound + $0, $1, $2, $3) }
                    states[range] = part
                }
            }
            let norms = inputNorms(squares, block)
            for (input, group) in groups(block, { _ in true }) { if let norms = norms[input] { try body(group, norms) } }
        }
    }

    /// The same for blocks in a row that share their weights: the mean over these.
    func sharedMoments(
        _ states: HiddenStates, through blocks: Range<Int>, of groups: [BlockInput]
    ) throws -> [BlockInput: Matrix] {
        var sums: [BlockInput: Matrix] = [:]
        for block in blocks {
            try execution.cancellation.check()
            let found = try secondMoments(states, through: try model.block(block, execution), block, of: groups)
            if blocks.count == 1 { return found }
            for (input, moment) in found {
                var sum = sums.removeValue(forKey: input) ?? Matrix(zeros: moment.rows, moment.columns)
                for i in sum.elements.indices { sum.elements[i] += moment.elements[i] / Float(blocks.count) }
                sums[input] = sum
            }
        }
        return sums
    }

    /// Moves the states through a block, some sequences at a time, and sums XᵀX over some of its inputs. Waves and
    /// tiles are of fixed size and added in order, so that sums do not depend on the number of threads.
    func secondMoments(
        _ states: HiddenStates, through weights: BlockWeights, _ block: Int, of groups: [BlockInput]
    ) throws -> [BlockInput: Matrix] {
        let wanted = inputsToSee(for: groups, block)
        var sums: [BlockInput: Matrix] = [:]
        var rows: [BlockInput: Int] = [:]
        let total = states.tokenCounts.reduce(0, +)
        for range in states.waves(momentWave) {
            var part = states[range]
            let inputs = InputCollector(wanted, sequences: part.tokenCounts.count)
            try model.forward(&part, through: weights, execution) { inputs.collect($0, $1, $2, $3) }
            states[range] = part
            for input in wanted {
                guard let x = inputs.matrix(input) else { continue }
                rows[input, default: 0] += x.rows
                var sum = sums.removeValue(forKey: input) ?? Matrix(zeros: x.columns, x.columns)
                try SecondMoment.add(x, scale: 1 / Float(total), to: &sum, execution)
                sums[input] = sum
            }
        }
        standInForScarce(&sums, rows, total: total, block, wanted: groups)
        return sums
    }
}
