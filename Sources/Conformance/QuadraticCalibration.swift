import LinearAlgebra
import ModelGraph
import PassKit

/// A calibration whose loss is known in closed form: sequence s has inputs Xₛ of its own, and its loss is
/// 1 + Σ over layers of wₗ·Σᵣ vᵣ·‖(W' − W)ᵣ Xₛᵀ‖² / N, v of the outputs. What a pass should find can be computed beside it.
public final class QuadraticCalibration: CalibrationProvider {
    private let weights: [String: Matrix]
    private let groups: [InputGroup]
    private let inputs: [String: [Matrix]]
    private let importance: [String: Double]
    private let importanceOfOutput: (Int) -> Double
    public let sequenceCount: Int
    public var scoredTokensPerSequence: Int { Self.tokens }
    private static let tokens = 24
    /// Forward passes of a sequence so far.
    public private(set) var evaluations = 0

    /// - Parameters:
    ///   - importance: wₗ by tensor name; 1 for those not named.
    ///   - importanceOfOutput: vᵣ by the row of a weight.
    public init(
        _ graph: TensorGraph, sequences: Int, importance: [String: Double] = [:],
        importanceOfOutput: @escaping (Int) -> Double = { _ in 1 },
        seed: UInt64 = 1
    ) throws {
        var weights: [String: Matrix] = [:]
        for tensor in graph.tensors where tensor.role == .linear { weights[tensor.name] = try tensor.payload.densifiedMatrix() }
        self.weights = weights
        self.importance = importance
        self.importanceOfOutput = importanceOfOutput
        groups = graph.structure.inputGroups
        sequenceCount = sequences
        var inputs: [String: [Matrix]] = [:]
        for (index, group) in groups.enumerated() {
            guard let columns = weights[group.members[0]]?.columns else { continue }
            inputs[group.members[0]] = (0..<sequences).map { sequence in
                var x = Matrix.random(Self.tokens, columns, seed: seed &+ UInt64(index * 1000 + sequence))
                // Channels of unequal power, as real activations have.
                for row in 0..<Self.tokens { for column in 0..<columns { x[row, column] *= 0.2 + 2 * Float(column % 5) / 5 } }
                return x
            }
        }
        self.inputs = inputs
    }

    public func losses(sequences: [Int], replacing replaced: ReplacedWeights) throws -> [Double] {
        evaluations += sequences.count
        return try sequences.map { sequence in
            var loss = 1.0
            for group in groups {
                guard let x = inputs[group.members[0]]?[sequence] else { continue }
                for name in group.members {
                    guard let new = try replaced.matrix(name), let old = weights[name] else { continue }
                    let difference = x.times(weighed(new - old), otherAs: .transposed)
                    loss += (importance[name] ?? 1) * difference.squaredFrobeniusNorm / Double(Self.tokens * old.elements.count)
                }
            }
            return loss
        }
    }

    /// Rows times the roots of what the outputs count.
    private func weighed(_ error: Matrix) -> Matrix {
        error.scalingRows(by: (0..<error.rows).map { Float(importanceOfOutput($0).squareRoot()) })
    }

    public func losses(sequences: [Int], of graph: TensorGraph) throws -> [Double] {
        try losses(
            sequences: sequences,
            replacing: ReplacedWeights(
                Dictionary(
                    uniqueKeysWithValues: weights.keys.compactMap { name in
                        try graph[name].map { (name, try $0.payload.densifiedMatrix()) }
                    })))
    }

    public func forEachSecondMoment(
        of isWanted: (InputGroup) -> Bool, at homes: (InputGroup) -> [Int]?, _ body: (InputGroup, Matrix?) throws -> Void
    ) throws {
        for group in groups where isWanted(group) {
            guard let all = inputs[group.members[0]], let columns = all.first?.columns else { continue }
            var sum = Matrix(zeros: columns, columns)
            for x in all { sum = sum + x.times(x, .transposed) }
            let count = Float(all.count * Self.tokens)
            try body(group, Matrix(rows: columns, columns: columns, elements: sum.elements.map { $0 / count }))
        }
    }

    public var gradients: (any GradientProvider)? { Gradients(self) }

    /// The loss without its constant, of some layers, as an objective with gradients.
    private final class Gradients: GradientProvider {
        private let calibration: QuadraticCalibration

        init(_ calibration: QuadraticCalibration) { self.calibration = calibration }

        func divergence(of graph: TensorGraph) -> any RefitObjective { Objective(calibration) }

        /// The original alone can teach: there is one closed form.
        func distillation(of graph: TensorGraph, _ aim: DistillationAim) throws -> any RefitObjective {
            guard aim.teacher == nil else { throw PassError(.usage, pass: "distill", "a quadratic loss knows no other teacher") }
            return Objective(calibration)
        }

        /// Exact: the loss is quadratic in each row by itself.
        func forEachCurvature(
            seed: UInt64, at homes: (String) -> [Int]?, way: CurvatureWay?, _ body: (String, WeightCurvature?) throws -> Void
        ) throws {
            try calibration.forEachSecondMoment { group, h in
                for name in group.members {
                    guard let weight = calibration.weights[name] else { continue }
                    let price = 2 * (calibration.importance[name] ?? 1) / Double(weight.elements.count)
                    try body(name, WeightCurvature(inputs: h, rows: (0..<weight.rows).map { price * calibration.importanceOfOutput($0) }))
                }
            }
        }

        /// Exact too; blocks put nothing out.
        func forEachOutputCurvature(
            seed: UInt64, sequences: [Int], way: CurvatureWay?,
            _ body: (_ block: Int, _ layers: [String: [Double]], _ output: [Double]) throws -> Void
        ) throws {
            var found: [String: [Double]] = [:]
            try forEachCurvature(seed: seed) { found[$0] = $1.rows }
            for block in Set(calibration.groups.map(\.block)).sorted(by: >) where way?.reached.map({ block < $0.block }) ?? true {
                let members = calibration.groups.filter { $0.block == block }.flatMap(\.members)
                try body(block, found.filter { members.contains($0.key) }, [1])
                try way?.keep(block) { sequences.map { _ in [] } }
            }
        }

        /// The loss says itself what errors cost.
        func forEachBlockError(prices: [[Float]]?, _ refit: (_ block: Int, any RefitObjective) throws -> ReplacedWeights) throws {
            for block in Set(calibration.groups.map(\.block)).sorted() { _ = try refit(block, Objective(calibration)) }
        }
    }

    private final class Objective: RefitObjective {
        private let calibration: QuadraticCalibration

        init(_ calibration: QuadraticCalibration) { self.calibration = calibration }

        func value(sequences: [Int], replacing replaced: ReplacedWeights, gradient: WeightGradient?) throws -> Double {
            let losses = try calibration.losses(sequences: sequences, replacing: replaced)
            let value = losses.reduce(0) { $0 + $1 - 1 } / Double(losses.count)
            guard let gradient else { return value }
            for group in calibration.groups.reversed() {
                for name in group.members {
                    guard let new = try replaced.matrix(name), let old = calibration.weights[name],
                        let all = calibration.inputs[group.members[0]]
                    else { continue }
                    let scale =
                        2 * (calibration.importance[name] ?? 1) / Double(QuadraticCalibration.tokens * old.elements.count * losses.count)
                    var sum = Matrix(zeros: old.rows, old.columns)
                    for sequence in sequences {
                        let x = all[sequence]
                        sum = sum + x.times(new - old, otherAs: .transposed).times(x, .transposed)
                    }
                    let factors = (0..<old.rows).map { Float(scale * calibration.importanceOfOutput($0)) }
                    try gradient(name, sum.scalingRows(by: factors))
                }
            }
            return value
        }
    }
}
