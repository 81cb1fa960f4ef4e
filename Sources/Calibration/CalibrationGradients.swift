import Backpropagation
import Execution
import Inference
import LinearAlgebra
import ModelGraph
import PassKit

/// Gradients of a calibration model over its sequences.
final class CalibrationGradients: GradientProvider {
    private let calibration: CalibrationModel

    init(_ calibration: CalibrationModel) { self.calibration = calibration }

    func divergence(of graph: TensorGraph) throws -> any RefitObjective {
        let (model, execution) = (calibration.model, calibration.execution)
        let states = try SharedStates(calibration.tokens.sequences, of: model, execution)
        try model.forward(states.states, through: 0..<model.configuration.blockCount, execution)
        return Divergence(calibration: calibration, model: try calibration.model(withOthersOf: graph), reference: states)
    }

    func distillation(of graph: TensorGraph, _ aim: DistillationAim) throws -> any RefitObjective {
        let (teacher, execution) = (try calibration.teacher(aim.teacher), calibration.execution)
        let student = try calibration.model(withOthersOf: graph)
        try DistillationRules.check(aim, student.configuration, teacher.configuration)
        guard aim.hidden == 0 else { return Distillation(calibration, student, teacher, aim, final: nil) }
        let states = try SharedStates(calibration.tokens.sequences, of: teacher, execution)
        try teacher.forward(states.states, through: 0..<teacher.configuration.blockCount, execution)
        return Distillation(calibration, student, teacher, aim, final: states)
    }

    func forEachCurvature(
        seed: UInt64, at homes: (String) -> [Int]?, way: CurvatureWay?, _ body: (String, WeightCurvature?) throws -> Void
    ) throws {
        let collector = CurvatureCollector(calibration.model, seed: seed, calibration.execution)
        let tokens = calibration.tokens.sequences
        try collector.forEach(tokens, at: homes, from: way?.reached, keep: keep(way, of: tokens)) { name, found in
            try body(name, found.map { WeightCurvature(inputs: $0.inputs, rows: $0.rows) })
        }
    }

    func forEachOutputCurvature(
        seed: UInt64, sequences: [Int], way: CurvatureWay?,
        _ body: (_ block: Int, _ layers: [String: [Double]], _ output: [Double]) throws -> Void
    ) throws {
        let collector = CurvatureCollector(calibration.model, seed: seed, calibration.execution)
        let tokens = sequences.map { calibration.tokens.sequences[$0] }
        try collector.forEachDiagonal(tokens, from: way?.reached, keep: keep(way, of: tokens)) { block, layers, output in
            try body(block, layers, output)
        }
    }

    /// What keeps where a way back stands; nil where its gradients are more than memory has beside the work.
    private func keep(_ way: CurvatureWay?, of tokens: [[Int32]]) -> CurvatureWay.Keep? {
        let states = tokens.reduce(0) { $0 + $1.count } * calibration.model.configuration.hiddenSize
        return states * MemoryLayout<Float>.size > calibration.execution.memory.byteLimit / 8 ? nil : way?.keep
    }

    func forEachBlockError(prices: [[Float]]?, _ refit: (_ block: Int, any RefitObjective) throws -> ReplacedWeights) throws {
        let (model, execution) = (calibration.model, calibration.execution)
        let original = try SharedStates(calibration.tokens.sequences, of: model, execution)
        let inputs = try original.copy(execution)
        for blocks in model.configuration.sharedBlocks {
            var errors: [BlockError] = []
            var entered = inputs
            for block in blocks {
                try execution.cancellation.check()
                if block > blocks.lowerBound { entered = try original.copy(execution) }
                try model.forward(original.states, through: block..<block + 1, execution)
                let targets = blocks.count > 1 ? try original.copy(execution) : original
                errors.append(BlockError(calibration: calibration, block: block, inputs: entered, targets: targets, prices: prices?[block]))
            }
            let objective: any RefitObjective = errors.count == 1 ? errors[0] : SharedBlockError(errors)
            let weights = try refit(blocks.lowerBound, objective)
            try model.forward(inputs.states, through: blocks, replacing: weights, execution)
        }
    }
}

/// How far predictions are from the original's.
private final class Divergence: RefitObjective {
    private let calibration: CalibrationModel
    /// What predicts.
    private let model: Transformer
    /// The original's final hidden states of every sequence.
    private let reference: SharedStates

    init(calibration: CalibrationModel, model: Transformer, reference: SharedStates) {
        self.calibration = calibration
        self.model = model
        self.reference = reference
    }

    func value(sequences: [Int], replacing weights: ReplacedWeights, gradient: WeightGradient?) throws -> Double {
        let ensemble = calibration.ensemble
        let ranges = Shares.ranges(sequences.count, among: ensemble.count)
        let head = model === calibration.model || !model.isCausal ? nil : try calibration.model.head(calibration.execution)
        return try model.divergence(
            sequences[ranges[ensemble.rank]].map { calibration.tokens.sequences[$0] }, of: ranges,
            from: reference.some(sequences, ranges).hidden, head: head, replacing: weights, calibration.execution, gradient: gradient)
    }
}

/// How far predictions, and what blocks put out, are from a teacher's.
private final class Distillation: RefitObjective {
    private let calibration: CalibrationModel
    private let (student, teacher): (Transformer, Transformer)
    private let aim: DistillationAim
    /// The teacher's final hidden states of every sequence; nil where it is run again on the sequences of each step, for what its blocks put out.
    private let final: SharedStates?

    init(_ calibration: CalibrationModel, _ student: Transformer, _ teacher: Transformer, _ aim: DistillationAim, final: SharedStates?) {
        (self.calibration, self.student, self.teacher) = (calibration, student, teacher)
        (self.aim, self.final) = (aim, final)
    }

    func value(sequences: [Int], replacing weights: ReplacedWeights, gradient: WeightGradient?) throws -> Double {
        let (ensemble, execution) = (calibration.ensemble, calibration.execution)
        let ranges = Shares.ranges(sequences.count, among: ensemble.count)
        let own = sequences[ranges[ensemble.rank]].map { calibration.tokens.sequences[$0] }
        let head = teacher === student || !teacher.isCausal ? nil : try teacher.head(execution)
        let states: TeacherStates
        if let final {
            states = TeacherStates(final: try final.some(sequences, ranges).hidden, head: head, temperature: aim.temperature)
        } else {
            states = try TeacherStates(of: teacher, own, head: head, temperature: aim.temperature, weight: aim.hidden, execution)
        }
        return try student.divergence(own, of: ranges, from: states, replacing: weights, execution, gradient: gradient)
    }
}

/// How far one block's outputs are from the original's.
private final class BlockError: RefitObjective {
    private let calibration: CalibrationModel
    private let block: Int
    private let inputs: SharedStates
    private let targets: SharedStates
    private let prices: [Float]?

    init(calibration: CalibrationModel, block: Int, inputs: SharedStates, targets: SharedStates, prices: [Float]?) {
        self.calibration = calibration
        self.block = block
        self.inputs = inputs
        self.targets = targets
        self.prices = prices
    }

    func value(sequences: [Int], replacing weights: ReplacedWeights, gradient: WeightGradient?) throws -> Double {
        let ranges = Shares.ranges(sequences.count, among: calibration.ensemble.count)
        return try calibration.model.blockError(
            block, inputs: inputs.some(sequences, ranges), of: ranges, targets: targets.some(sequences, ranges).hidden,
            prices: prices, replacing: weights, calibration.execution, gradient: gradient)
    }
}

/// The mean over blocks that share their weights, each on what entered it in the original.
private final class SharedBlockError: RefitObjective {
    private let blocks: [BlockError]

    init(_ blocks: [BlockError]) { self.blocks = blocks }

    func value(sequences: [Int], replacing weights: ReplacedWeights, gradient: WeightGradient?) throws -> Double {
        var sums: [String: Matrix] = [:]
        let share = 1 / Float(blocks.count)
        func add(_ name: String, _ part: Matrix) {
            var sum = sums.removeValue(forKey: name) ?? Matrix(zeros: part.rows, part.columns)
            for i in sum.elements.indices { sum.elements[i] += share * part.elements[i] }
            sums[name] = sum
        }
        var total = 0.0
        for block in blocks {
            total += try block.value(sequences: sequences, replacing: weights, gradient: gradient == nil ? nil : add)
        }
        if let gradient { for name in sums.keys.sorted() { if let sum = sums.removeValue(forKey: name) { try gradient(name, sum) } } }
        return total / Double(blocks.count)
    }
}
