import Execution
import LinearAlgebra
import ModelGraph
import PassKit
import RPCA

/// Robust PCA and singular value thresholding of the matrices of a file.
struct MatrixWork {
    private let arguments: WorkArguments
    private let execution: ExecutionContext
    private let matrices: [Matrix]

    init(_ arguments: WorkArguments) throws {
        self.arguments = arguments
        execution = try arguments.execution()
        let graph = try openedModel(at: arguments.input, execution).graph
        let selected = graph.structure.architecture == nil ? graph.tensors : graph.tensors.filter { $0.role == .linear }
        matrices = try selected.filter { $0.shape.rank == 2 }.map { try $0.finiteMatrix() }
    }

    /// steps: ADMM steps. The figures are the mean objective ‖L‖* + λ‖S‖₁ and the operations that the algorithm needs.
    func rpca() throws -> Timings {
        let algorithm = RobustPCA(iterations: try arguments.integer("steps"), tolerance: 0)
        let start = now()
        // Side by side, the threads left over inside each, as a pass does.
        let each = execution.with(threads: execution.threads / max(matrices.count, 1))
        let matrices = matrices
        let objectives = try execution.parallelMap(matrices.count) { try algorithm.decompose(matrices[$0], each).objective }
        let seconds = now() - start
        return Timings(seconds: seconds, figures: [("objective", objectives.reduce(0, +) / Double(objectives.count))])
    }

    /// threshold: τ. `output`, if given, receives the thresholded matrix as raw floats, row-major.
    func singularValueThresholding() throws -> Timings {
        guard let matrix = matrices.first else { throw WorkError("\(arguments.input): holds no matrix") }
        let threshold = Float(try arguments.number("threshold"))
        let start = now()
        let result = try matrix.thresholded(by: threshold, execution).product
        let seconds = now() - start
        if let path = arguments.optionalText("output") { try write(result.elements, to: path) }
        return Timings(seconds: seconds)
    }
}
