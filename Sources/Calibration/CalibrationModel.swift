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
    /// Other models that passes learn of, by path.
    private let teachers: [String: Model]
    let structure: GraphStructure
    let tokens: TokenSequences
    let execution: ExecutionContext
    private var knownOutputs: (embeddings: [[Float]], classes: [[Float]])?
    var scarceExperts = ScarceExperts()

    /// - Parameters:
    ///   - source: the original model.
    ///   - teachers: other models that passes learn of, by path.
    /// - Throws: what `Transformer.init` throws; `CalibrationError` when there is nothing to calibrate on.
    public init(_ source: Model, tokens: TokenSequences, teachers: [String: Model] = [:], _ execution: ExecutionContext) throws {
        guard tokens.scoredTokenCount > 0 else { throw CalibrationError.emptyText }
        model = try Transformer(source, weights: .openBLAS(on: execution))
        self.source = source
        self.teachers = teachers
        structure = source.graph.structure
        self.tokens = tokens
        self.execution = execution
    }

    /// The same model with other sequences; nil when there is nothing in them to score.
    public init?(like other: CalibrationModel, tokens: TokenSequences) {
        guard tokens.scoredTokenCount > 0 else { return nil }
        (model, source, structure, execution) = (other.model, other.source, other.structure, other.execution)
        teachers = other.teachers
        self.tokens = tokens
    }

    var ensemble: any Ensemble { execution.ensemble }

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

    /// The model with a graph's tensors in place of those that are no linear layers of blocks, where passes changed any of them; else the original.
    func model(withOthersOf graph: TensorGraph) throws -> Transformer {
        let layers = Set(structure.inputGroups.flatMap(\.members))
        var others = source.graph
        var isChanged = false
        for tensor in graph.tensors where !layers.contains(tensor.name) && tensor.payload.elementArray == nil {
            try others.setPayload(tensor.payload, of: tensor.name)
            isChanged = true
        }
        return isChanged ? try Transformer(source.with(others), weights: .openBLAS(on: execution)) : model
    }

    /// A model that passes learn of.
    ///
    /// - Parameter path: nil for the original.
    /// - Throws: `CalibrationError`, and what `Transformer.init` throws.
    func teacher(_ path: String?) throws -> Transformer {
        guard let path else { return model }
        guard let teacher = teachers[path] else { throw CalibrationError.unknownTeacher(path) }
        return try Transformer(teacher, weights: .openBLAS(on: execution))
    }

    /// Each rank runs its share of the sequences.
    private func losses(sequences: [Int], of model: Transformer, replacing weights: ReplacedWeights) throws -> [Double] {
        let ranges = Shares.ranges(sequences.count, among: ensemble.count)
        let own = Array(sequences[ranges[ensemble.rank]])
        let states = try HiddenStates(own.map { tokens.sequences[$0] }, of: model, execution)
        return try ensemble.gather(losses(own, of: model, continuing: states, from: 0, replacing: weights), ranges, zero: 0)
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
        let ranges = Shares.ranges(tokens.sequences.count, among: ensemble.count)
        let states = try HiddenStates(Array(tokens.sequences[ranges[ensemble.rank]]), of: model, execution)
        try model.forward(states, through: 0..<model.configuration.blockCount, execution)
        let made = (
            try gathered(model.pooledEmbeddings(final: states), ranges),
            model.isClassifier ? try gathered(model.classLogits(final: states, execution), ranges) : []
        )
        knownOutputs = made
        return made
    }

    /// Rows of one width, of all ranks.
    private func gathered(_ own: [[Float]], _ ranges: [Range<Int>]) throws -> [[Float]] {
        guard ensemble.isShared else { return own }
        let widths = try ensemble.gather([own.first?.count ?? 0], ensemble.places, zero: 0)
        let width = widths.max() ?? 0
        let wide = ranges.map { $0.lowerBound * width..<$0.upperBound * width }
        let all = try ensemble.gather(own.flatMap { $0 }, wide, zero: 0)
        return (0..<(ranges.last?.upperBound ?? 0)).map { Array(all[$0 * width..<($0 + 1) * width]) }
    }

    public var warnings: [String] { [scarceExperts.note(of: model.configuration.experts)].compactMap { $0 } }
    public var gradients: (any GradientProvider)? { CalibrationGradients(self) }

    /// What comes before the replaced layer's block is the original model's and computed once: half the work of doing without.
    public func forEachLoss(
        sequences: [Int], replacingEach names: [String], by weight: (Int) throws -> Matrix, _ body: (Int, [Double]) throws -> Void
    ) throws {
        let ranges = Shares.ranges(sequences.count, among: ensemble.count)
        let own = Array(sequences[ranges[ensemble.rank]])
        let states = try HiddenStates(own.map { tokens.sequences[$0] }, of: model, execution)
        let blocks = names.map { structure.block(of: $0) ?? 0 }
        for block in 0..<model.configuration.blockCount {
            for index in names.indices where blocks[index] == block {
                let found = try losses(
                    own, of: model, continuing: try states.copy(execution), from: block, replacing: [names[index]: try weight(index)])
                try body(index, ensemble.gather(found, ranges, zero: 0))
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
        of isWanted: (InputGroup) -> Bool, at homes: (InputGroup) -> [Int]?, _ body: (InputGroup, Matrix?) throws -> Void
    ) throws {
        let wanted = structure.inputGroups.filter(isWanted)
        guard let last = wanted.map(\.block).max() else { return }
        let shares = TermShares(tokens.sequences, ensemble)
        let states = try HiddenStates(Array(tokens.sequences[shares.sequences(of: shares.own)]), of: model, execution)
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
            let found = try sharedMoments(states, shares, through: shared, of: groups) { homes($0) }
            for (input, group) in groups where found.isSeen(input) { try body(group, found.moments[input]) }
        }
    }

    public func forEachInputNorms(_ body: (InputGroup, [Float]) throws -> Void) throws {
        let shares = TermShares(tokens.sequences, ensemble)
        let states = try HiddenStates(Array(tokens.sequences[shares.sequences(of: shares.own)]), of: model, execution)
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
            let norms = inputNorms(try squares.sums(shares, ensemble), block)
            for (input, group) in groups(block, { _ in true }) { if let norms = norms[input] { try body(group, norms) } }
        }
    }

    /// The second moments of some inputs of a block.
    struct FoundMoments {
        /// Those that this rank is given.
        var moments: [BlockInput: Matrix]
        /// Of those whose moments all ranks are given, nil for one that nobody saw; of others whether anybody did.
        let seen: Set<BlockInput>

        func isSeen(_ input: BlockInput) -> Bool { seen.contains(input) }
    }

    /// The second moments of inputs of blocks in a row that share their weights: the mean over these, for all ranks.
    ///
    /// - Parameter homes: the ranks that are given the moment of a group; nil for all.
    func sharedMoments(
        _ states: HiddenStates, _ shares: TermShares, through blocks: Range<Int>, of groups: [(input: BlockInput, group: InputGroup)],
        at homes: (InputGroup) -> [Int]?
    ) throws -> FoundMoments {
        var sums: [BlockInput: Matrix] = [:]
        var seen = Set<BlockInput>()
        let isAlone = blocks.count == 1
        let places = Dictionary(groups.map { ($0.input, homes($0.group)) }) { first, _ in first }
        for block in blocks {
            try execution.cancellation.check()
            let weights = try model.block(block, execution)
            let found = try secondMoments(states, shares, through: weights, block, of: groups.map(\.input)) {
                isAlone ? places[$0] ?? nil : nil
            }
            if isAlone { return found }
            seen.formUnion(found.seen)
            for (input, moment) in found.moments {
                var sum = sums.removeValue(forKey: input) ?? Matrix(zeros: moment.rows, moment.columns)
                for i in sum.elements.indices { sum.elements[i] += moment.elements[i] / Float(blocks.count) }
                sums[input] = sum
            }
        }
        return FoundMoments(moments: sums, seen: seen)
    }

    /// Moves the states of this rank's sequences through a block, and sums XᵀX over some of its inputs, of all ranks' sequences.
    private func secondMoments(
        _ states: HiddenStates, _ shares: TermShares, through weights: BlockWeights, _ block: Int, of groups: [BlockInput],
        at homes: (BlockInput) -> [Int]?
    ) throws -> FoundMoments {
        let wanted = inputsToSee(for: groups, block)
        var sums: [BlockInput: SecondMomentSum] = [:]
        var rows = [Int](repeating: 0, count: wanted.count)
        let total = tokens.sequences.reduce(0) { $0 + $1.count }
        let first = shares.sequences(of: shares.own).lowerBound
        func sum(_ input: BlockInput, width: Int) -> SecondMomentSum {
            if let sum = sums[input] { return sum }
            let made = SecondMomentSum(width: width, scale: 1 / Float(total), ranges: shares.ranges, execution)
            sums[input] = made
            return made
        }
        for terms in shares.waves(model.wave(execution)) {
            let range = shares.sequences(of: terms)
            let place = range.lowerBound - first..<range.upperBound - first
            var part = states[place]
            let inputs = InputCollector(wanted, sequences: part.tokenCounts.count)
            try model.forward(&part, through: weights, execution) { inputs.collect($0, $1, $2, $3) }
            states[place] = part
            for (index, input) in wanted.enumerated() {
                guard let width = inputs.width(input) else { continue }
                var read: [Int: Matrix] = [:]
                for term in terms {
                    let own = shares.sequences(of: term..<term + 1)
                    let x = inputs.matrix(input, own.lowerBound - range.lowerBound..<own.upperBound - range.lowerBound, width: width)
                    rows[index] += x.rows
                    read[term] = x
                }
                try sum(input, width: width).add(read, until: terms.upperBound, execution)
            }
        }
        rows = try totals(rows)
        let widths = try ensemble.isShared ? most(wanted.map { sums[$0]?.width ?? 0 }) : wanted.map { sums[$0]?.width ?? 0 }
        let isRouted = model.configuration.experts(inBlock: block) != nil
        var moments: [BlockInput: Matrix] = [:]
        for (index, input) in wanted.enumerated() where widths[index] > 0 {
            let sum = sum(input, width: widths[index])
            try sum.add([:], until: shares.own.upperBound, execution)
            // What stands in for an expert's is made of others'.
            moments[input] = try sum.total(at: isRouted ? nil : homes(input), execution)
            sums[input] = nil
        }
        var seen = Set(wanted.indices.filter { widths[$0] > 0 }.map { wanted[$0] })
        if isRouted {
            let counts = Dictionary(uniqueKeysWithValues: zip(wanted, rows)).filter { $0.value > 0 }
            standInForScarce(&moments, counts, total: total, block, wanted: groups)
            seen.formUnion(moments.keys)
        }
        return FoundMoments(moments: moments, seen: seen)
    }

    /// The sums, and the largest, of what all ranks have.
    private func totals(_ own: [Int]) throws -> [Int] { try together(own) { $0 + $1 } }
    private func most(_ own: [Int]) throws -> [Int] { try together(own) { max($0, $1) } }

    private func together(_ own: [Int], _ join: (Int, Int) -> Int) throws -> [Int] {
        guard ensemble.isShared, !own.isEmpty else { return own }
        let ranges = (0..<ensemble.count).map { $0 * own.count..<($0 + 1) * own.count }
        let all = try ensemble.gather(own, ranges, zero: 0)
        return own.indices.map { index in ranges.dropFirst().reduce(all[index]) { join($0, all[$1.lowerBound + index]) } }
    }
}
