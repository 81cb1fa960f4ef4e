import Execution
import ModelGraph
import PassKit
import XCTest

/// What every pass must do, whatever it computes: each pass's tests run this.
public struct PassConformance {
    private let catalog: PassCatalog
    private let pipeline: String
    private let needsCalibration: Bool

    /// - Parameter pipeline: text that ends with the pass under test, with what must come before it.
    public init(_ passes: [any Pass.Type], pipeline: String, needsCalibration: Bool = false) {
        catalog = PassCatalog(passes)
        self.pipeline = pipeline
        self.needsCalibration = needsCalibration
    }

    public func run() throws {
        try checkDeclaration()
        try checkReportAndUntouchedTensors()
        try checkSameBytesWhateverTheThreads()
        try checkRefusals()
    }

    /// Runs the pipeline on a graph.
    public func apply(
        to graph: TensorGraph, threads: Int = 2, seed: UInt64 = 0, cancellation: Cancellation = Cancellation()
    ) throws -> (graph: TensorGraph, reports: [PassReport]) {
        let execution = ExecutionContext(threads: threads, cancellation: cancellation)
        let calibration = needsCalibration ? try QuadraticCalibration(graph, sequences: 8) : nil
        let context = PassContext(execution: execution, seed: seed, original: graph, calibration: calibration)
        var result = graph
        let reports = try PassManager(try Pipeline(parsing: pipeline), catalog: catalog).run(&result, context)
        return (result, reports)
    }

    /// Each option has a default that it accepts itself, a summary, and a name that pipeline text can spell.
    private func checkDeclaration() throws {
        for pass in catalog.passes {
            XCTAssertFalse(pass.summary.isEmpty)
            let settings = pass.options.map { PassInvocation.Setting($0.name, $0.defaultText) }
            let explicit = Pipeline([PassInvocation(pass.name, settings)])
            XCTAssertEqual(try Pipeline(parsing: explicit.description), explicit)
            XCTAssertNoThrow(try catalog.resolve(explicit), "\(pass.name) refuses its own defaults")
            XCTAssertTrue(pass.options.allSatisfy { !$0.summary.isEmpty && !$0.domain.isEmpty })
        }
    }

    private func checkReportAndUntouchedTensors() throws {
        let graph = try SampleModel.graph()
        let (result, reports) = try apply(to: graph)
        let report = try XCTUnwrap(reports.last)
        XCTAssertEqual(result.tensors.map(\.name), graph.tensors.map(\.name))
        XCTAssertEqual(result.tensors.map(\.shape), graph.tensors.map(\.shape))
        XCTAssertEqual(report.parametersAfter, result.parameterCount)
        XCTAssertEqual(report.bytesAfter, result.byteCount)
        XCTAssertEqual(report.tensors.count + report.leftAlone.count, graph.tensors.count)
        XCTAssertTrue(report.leftAlone.allSatisfy { !$0.reason.isEmpty })
        for entry in report.leftAlone {
            let (old, new) = (try XCTUnwrap(graph[entry.name]), try XCTUnwrap(result[entry.name]))
            XCTAssertEqual(try old.payload.densifiedFloats(), try new.payload.densifiedFloats(), "\(entry.name) was to be left alone")
        }
        for name in ["model.embed_tokens.weight", "lm_head.weight"] {
            XCTAssertTrue(report.leftAlone.contains { $0.name == name }, "\(name) is left alone unless asked for")
        }
        for entry in report.tensors {
            let tensor = try XCTUnwrap(result[entry.name])
            XCTAssertEqual(entry.parametersAfter, tensor.payload.parameterCount)
            XCTAssertEqual(entry.bytesAfter, tensor.payload.byteCount)
            XCTAssertTrue(entry.relativeError.isFinite)
        }
    }

    private func checkSameBytesWhateverTheThreads() throws {
        let graph = try SampleModel.graph()
        let one = try apply(to: graph, threads: 1, seed: 7).graph
        for threads in [2, 5] {
            let other = try apply(to: graph, threads: threads, seed: 7).graph
            for (a, b) in zip(one.tensors, other.tensors) {
                XCTAssertEqual(try a.payload.densifiedFloats(), try b.payload.densifiedFloats(), "\(a.name) with \(threads) threads")
                XCTAssertEqual(a.payload.byteCount, b.payload.byteCount)
            }
        }
    }

    /// NaN weights, nothing to work on, and a request to stop.
    private func checkRefusals() throws {
        let broken = try SampleModel.graph { name, rows, columns in
            var matrix = SampleModel.heavyTailed(rows, columns, seed: 3)
            if name.contains("layers.1.mlp.up") { matrix[1, 1] = .nan }
            return matrix
        }
        XCTAssertThrowsError(try apply(to: broken)) { error in
            XCTAssertTrue("\(error)".contains("model.layers.1.mlp.up_proj.weight"), "\(error)")
        }
        var unknown = try SampleModel.graph()
        for tensor in unknown.tensors { unknown.setRole(.unknown, of: tensor.name) }
        XCTAssertThrowsError(try apply(to: unknown)) { XCTAssertTrue("\($0)".contains("layers=matrices"), "\($0)") }
        let cancellation = Cancellation()
        cancellation.request()
        XCTAssertThrowsError(try apply(to: SampleModel.graph(), cancellation: cancellation)) { XCTAssertTrue($0 is Cancelled) }
    }
}
