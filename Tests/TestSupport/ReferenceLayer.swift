import Foundation
import LinearAlgebra
import ModelGraph
import PassKit
import XCTest

/// One layer of the bundled model with made inputs: what a pass makes of it, and what a Python script makes of the same numbers.
public struct ReferenceLayer {
    public let graph: TensorGraph
    public let weight: Matrix
    public let secondMoment: Matrix
    private let name: String
    private let calibration: QuadraticCalibration

    public init(_ name: String = "model.layers.2.mlp.down_proj.weight") throws {
        self.name = name
        weight = try XCTUnwrap(BundledModel.matrices([name]).first)
        var graph = try SampleGraph.graph([Tensor(name: name, dense: DenseTensor(weight, dtype: .f32), role: .linear)])
        graph.structure.architecture = "llama"
        graph.structure.inputGroups = [InputGroup(name: "mlp-output", block: 0, members: [name])]
        self.graph = graph
        // More tokens than columns, so that the second moment has full rank.
        calibration = try QuadraticCalibration(graph, sequences: weight.columns / 8)
        var moment: Matrix?
        try calibration.forEachSecondMoment { _, h in moment = h }
        secondMoment = try XCTUnwrap(moment)
    }

    /// What a pass made of the layer.
    public struct Outcome {
        public let payload: Payload
        /// Of the layer, and of the whole pass.
        public let report: TensorReport
        public let pass: PassReport
        public let matrix: Matrix
    }

    /// The layer after a pipeline of one pass, and its report.
    public func apply(_ pass: any Pass.Type, _ pipeline: String) throws -> Outcome {
        var result = graph
        let context = PassContext(execution: .init(threads: 2), seed: 0, original: graph, calibration: calibration)
        let reports = try PassManager(try Pipeline(parsing: pipeline), catalog: PassCatalog([pass])).run(&result, context)
        let payload = try XCTUnwrap(result[name]).payload
        let report = try XCTUnwrap(reports.first)
        return Outcome(
            payload: payload, report: try XCTUnwrap(report.tensors.first), pass: report, matrix: try payload.densifiedMatrix())
    }

    /// What `script` leaves in `result`, [m, n], from `w` [m, n] and `h` [n, n], NumPy arrays in double precision; `np` is NumPy.
    public func python(_ script: String) throws -> Matrix {
        let folder = try TemporaryFolder()
        func write(_ matrix: Matrix, _ file: String) throws -> String {
            try matrix.elements.withUnsafeBytes { try Data($0).write(to: URL(fileURLWithPath: folder.path(file))) }
            return folder.path(file)
        }
        let arguments = [try write(weight, "w"), try write(secondMoment, "h"), "\(weight.columns)", folder.path("result")]
        let header = """
            import sys, numpy as np
            w, h = (np.fromfile(p, dtype=np.float32).astype(np.float64).reshape(-1, int(sys.argv[3])) for p in sys.argv[1:3])

            """
        try PythonProcess.run(header + script + "\nresult.astype(np.float32).tofile(sys.argv[4])\n", arguments)
        let data = try Data(contentsOf: URL(fileURLWithPath: folder.path("result")))
        return Matrix(rows: weight.rows, columns: weight.columns, elements: data.withUnsafeBytes { Array($0.bindMemory(to: Float.self)) })
    }

    /// What `script` leaves in `result`, as `NumPy.result(of:_:)` has it, from `w` [m, n] and `h` [n, n].
    public func numbers(_ script: String) throws -> [Double] { try NumPy.result(of: script, ["w": weight, "h": secondMoment]) }

    /// tr(E H Eᵀ) / tr(W H Wᵀ) in double precision.
    public func outputError(_ matrix: Matrix) -> Double {
        func energy(_ a: Matrix) -> Double {
            let product = a.times(secondMoment)
            return a.elements.indices.reduce(0.0) { $0 + Double(a.elements[$1]) * Double(product.elements[$1]) }
        }
        return energy(matrix - weight) / energy(weight)
    }
}

extension Matrix {
    /// Share of the entries that are zero in one of two matrices only.
    public func supportDifference(from other: Matrix) -> Double {
        let differing = zip(elements, other.elements).count { ($0 == 0) != ($1 == 0) }
        return Double(differing) / Double(max(elements.count, 1))
    }
}
