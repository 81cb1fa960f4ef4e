import BuiltIns
import Calibration
import Execution
import LayerwiseCompression
import LinearAlgebra
import ModelGraph
import PassKit

/// A pass that compresses one layer against its inputs: the statistics of these, and the solve.
struct LayerwiseWork {
    private let arguments: WorkArguments

    init(_ arguments: WorkArguments) { self.arguments = arguments }

    /// The input holds `weight` [out, in] and `inputs` [tokens, in]; pipeline: the pass. Seconds run from the inputs in memory to the
    /// pruned layer with its report; the figure `error` is the relative error of the layer's outputs, found after that.
    func run() throws -> Timings {
        let execution = try arguments.execution()
        let file = try openedModel(at: arguments.input, execution).graph
        guard let weight = file["weight"], let inputs = try file["inputs"]?.finiteMatrix() else {
            throw WorkError("\(arguments.input): needs the tensors weight and inputs")
        }
        var layer = TensorGraph()
        try layer.append(Tensor(name: weight.name, shape: weight.shape, dtype: weight.dtype, role: .linear, payload: weight.payload))
        layer.structure.inputGroups = [InputGroup(name: "inputs", block: 0, members: [weight.name])]
        let calibration = GivenInputs(inputs, group: layer.structure.inputGroups[0], execution)
        let context = PassContext(execution: execution, seed: 0, original: layer, calibration: calibration)
        let manager = try PassManager(try Pipeline(parsing: try arguments.text("pipeline")), catalog: Registry.builtIn.passes)
        let start = now()
        _ = try manager.run(&layer, context)
        let seconds = now() - start
        let (dense, pruned) = (try weight.finiteMatrix(), try layer.tensors[0].finiteMatrix())
        let outputs = try inputs.times(dense, otherAs: .transposed, on: execution)
        let error =
            try inputs.times(pruned - dense, otherAs: .transposed, on: execution).squaredFrobeniusNorm / outputs.squaredFrobeniusNorm
        return Timings(seconds: seconds, figures: [("error", error)])
    }

    /// The input holds `weight` and `inputs` as for `run`; keep: share of the entries. Seconds of support and values from H in memory on; values
    /// by the Cholesky factor of each row too where rows=cholesky. The figure `error` is tr(E H Eᵀ) / tr(W H Wᵀ), `cpu` seconds of all threads.
    func sparseSolver() throws -> Timings {
        let execution = try arguments.execution()
        let file = try openedModel(at: arguments.input, execution).graph
        guard let weight = try file["weight"]?.finiteMatrix(), let inputs = try file["inputs"]?.finiteMatrix() else {
            throw WorkError("\(arguments.input): needs the tensors weight and inputs")
        }
        guard let keep = Double(try arguments.text("keep")), (0...1).contains(keep) else { throw WorkError("keep= is a share") }
        var settings = SolverSettings.lowRankAndSparse
        if try arguments.text("rows") == "cholesky" { settings.values.usualSteps = .max / 2 }
        let h = try inputs.secondMoment(execution)
        let (start, cpuStart) = (now(), cpuSeconds())
        let s = try SparseSolver(secondMoment: h, execution, settings)
            .solve(weight, count: Int(keep * Double(weight.elements.count)), execution)
        let (seconds, cpu) = (now() - start, cpuSeconds() - cpuStart)
        let error = try (weight - s).energy(in: h, execution) / weight.energy(in: h, execution)
        return Timings(seconds: seconds, figures: [("error", error), ("cpu", cpu)])
    }
}

/// Inputs of one group that are there already, summed as those of a model are; there is no model whose loss could be told.
private final class GivenInputs: CalibrationProvider {
    private let inputs: Matrix
    private let group: InputGroup
    private let execution: ExecutionContext

    init(_ inputs: Matrix, group: InputGroup, _ execution: ExecutionContext) {
        (self.inputs, self.group, self.execution) = (inputs, group, execution)
    }

    let sequenceCount = 1
    let scoredTokensPerSequence = 1

    func losses(sequences: [Int], replacing weights: ReplacedWeights) throws -> [Double] { sequences.map { _ in 0 } }
    func losses(sequences: [Int], of graph: TensorGraph) throws -> [Double] { sequences.map { _ in 0 } }

    func forEachInputNorms(_ body: (InputGroup, [Float]) throws -> Void) throws {
        let chunk = 256
        let inputs = inputs
        let parts = try execution.parallelMap((inputs.rows + chunk - 1) / chunk) { part -> [Double] in
            var sums = [Double](repeating: 0, count: inputs.columns)
            for row in part * chunk..<min((part + 1) * chunk, inputs.rows) {
                for column in sums.indices { sums[column] += Double(inputs[row, column]) * Double(inputs[row, column]) }
            }
            return sums
        }
        let sums = parts.reduce([Double](repeating: 0, count: inputs.columns)) { zip($0, $1).map(+) }
        try body(group, sums.map { Float(($0 / Double(inputs.rows)).squareRoot()) })
    }

    func forEachSecondMoment(
        of isWanted: (InputGroup) -> Bool, at homes: (InputGroup) -> [Int]?, _ body: (InputGroup, Matrix?) throws -> Void
    ) throws {
        try body(group, inputs.secondMoment(execution))
    }
}

extension Matrix {
    /// XᵀX / N of N rows.
    fileprivate func secondMoment(_ execution: ExecutionContext) throws -> Matrix {
        let sum = SecondMomentSum(width: columns, scale: 1 / Float(rows), ranges: [0..<1], execution)
        try sum.add([0: self], until: 1, execution)
        return try sum.total(at: nil, execution) ?? Matrix(zeros: columns, columns)
    }
}
