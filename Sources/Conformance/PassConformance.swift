import Execution
import ModelGraph
import PassKit
import Synchronization

/// What every pass must do, whatever it computes: each pass's tests run this.
public struct PassConformance {
    private let catalog: PassCatalog
    private let pipeline: String
    private let needsCalibration: Bool
    private let log = ConformanceLog()

    /// - Parameter pipeline: text that ends with the pass under test, with what must come before it.
    public init(_ passes: [any Pass.Type], pipeline: String, needsCalibration: Bool = false) {
        self.init(PassCatalog(passes), pipeline: pipeline, needsCalibration: needsCalibration)
    }

    /// - Parameter needsCalibration: whether the passes are to be run with a calibration set.
    public init(_ catalog: PassCatalog, pipeline: String, needsCalibration: Bool) {
        self.catalog = catalog
        self.pipeline = pipeline
        self.needsCalibration = needsCalibration
    }

    /// Runs every check.
    public func checks() -> [ConformanceCheck] {
        log.check("name, summary and options", checkDeclaration)
        log.check("the report is what was done, other tensors are left alone", checkReportAndUntouchedTensors)
        log.check("results do not depend on threads", checkSameBytesWhateverTheThreads)
        log.check("refuses NaN, and stops on request", checkRefusals)
        log.check("comes to the same when it is interrupted", checkGoesOn)
        return log.checks
    }

    /// Runs the pipeline on a graph.
    public func apply(
        to graph: TensorGraph, threads: Int = 2, seed: UInt64 = 0, cancellation: Cancellation = Cancellation(),
        progress: any Progress = SilentProgress(), keeping work: FinishedWork? = nil
    ) throws -> (graph: TensorGraph, reports: [PassReport]) {
        let execution = ExecutionContext(threads: threads, cancellation: cancellation, progress: progress)
        let calibration = needsCalibration ? try QuadraticCalibration(graph, sequences: 8) : nil
        let context = PassContext(execution: execution, seed: seed, original: graph, calibration: calibration)
        var result = graph
        let reports = try PassManager(try Pipeline(parsing: pipeline), catalog: catalog).run(&result, context, keeping: work)
        return (result, reports)
    }

    /// Each option has a default that it accepts itself, a summary, and a name that pipeline text can spell.
    private func checkDeclaration() throws {
        for pass in catalog.passes {
            log.expect(!pass.summary.isEmpty, "\(pass.name) has no summary")
            let settings = pass.options.map { PassInvocation.Setting($0.name, $0.defaultText) }
            let explicit = Pipeline([PassInvocation(pass.name, settings)])
            log.expectEqual(try Pipeline(parsing: explicit.description), explicit, "\(pass.name) with its defaults, as text")
            do {
                _ = try catalog.resolve(Pipeline([PassInvocation(pass.name)]))
            } catch { log.fail("\(pass.name) refuses its own defaults: \(error)") }
            for option in pass.options {
                log.expect(option.accepts(option.defaultText), "option \(option.name) of \(pass.name) refuses its own default")
            }
            log.expect(!pass.reads.isEmpty, "\(pass.name) does not say what it reads")
            log.expect(
                pass.options.allSatisfy { !$0.summary.isEmpty && !$0.domain.isEmpty }, "\(pass.name) has an option without a summary")
        }
    }

    private func checkReportAndUntouchedTensors() throws {
        let graph = try SampleModel.graph()
        let (result, reports) = try apply(to: graph)
        let report = try log.unwrap(reports.last, "no report")
        log.expectEqual(result.tensors.map(\.name), graph.tensors.map(\.name), "names of tensors")
        log.expectEqual(result.tensors.map(\.shape), graph.tensors.map(\.shape), "shapes of tensors")
        log.expectEqual(report.parametersAfter, result.parameterCount, "parameters of the report")
        log.expectEqual(report.bytesAfter, result.byteCount, "bytes of the report")
        log.expectEqual(report.tensors.count + report.leftAlone.count, graph.tensors.count, "tensors touched and left alone")
        log.expect(report.leftAlone.allSatisfy { !$0.reason.isEmpty }, "a tensor is left alone for no reason")
        for entry in report.leftAlone {
            let (old, new) = (try log.unwrap(graph[entry.name], entry.name), try log.unwrap(result[entry.name], entry.name))
            log.expectEqual(try old.payload.densifiedFloats(), try new.payload.densifiedFloats(), "\(entry.name) was to be left alone")
        }
        for name in ["model.embed_tokens.weight", "lm_head.weight"] {
            log.expect(report.leftAlone.contains { $0.name == name }, "\(name) is left alone unless asked for")
        }
        for entry in report.tensors {
            let tensor = try log.unwrap(result[entry.name], entry.name)
            log.expectEqual(entry.parametersAfter, tensor.payload.parameterCount, "\(entry.name): parameters")
            log.expectEqual(entry.bytesAfter, tensor.payload.byteCount, "\(entry.name): bytes")
            log.expect(entry.relativeError.isFinite, "\(entry.name): error \(entry.relativeError)")
        }
    }

    private func checkSameBytesWhateverTheThreads() throws {
        let graph = try SampleModel.graph()
        let one = try apply(to: graph, threads: 1, seed: 7).graph
        for threads in [2, 5] {
            let other = try apply(to: graph, threads: threads, seed: 7).graph
            for (a, b) in zip(one.tensors, other.tensors) {
                log.expectEqual(try a.payload.densifiedFloats(), try b.payload.densifiedFloats(), "\(a.name) with \(threads) threads")
                log.expectEqual(a.payload.byteCount, b.payload.byteCount, "bytes of \(a.name) with \(threads) threads")
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
        log.expectError("NaN weights", { _ = try apply(to: broken) }) { error in
            log.expect("\(error)".contains("model.layers.1.mlp.up_proj.weight"), "NaN weights: \(error) does not name the tensor")
        }
        var unknown = try SampleModel.graph()
        for tensor in unknown.tensors { unknown.setRole(.unknown, of: tensor.name) }
        log.expectError("nothing to work on", { _ = try apply(to: unknown) }) {
            log.expect("\($0)".contains("layers=matrices"), "nothing to work on: \($0)")
        }
        let cancellation = Cancellation()
        cancellation.request()
        log.expectError("cancelled", { _ = try apply(to: SampleModel.graph(), cancellation: cancellation) }) {
            log.expect($0 is Cancelled, "cancelled: \($0)")
        }
    }

    /// Interrupted again and again, later each time, with what was finished kept every time.
    private func checkGoesOn() throws {
        let graph = try SampleModel.graph()
        let straight = try apply(to: graph)
        let kept = KeptSegments()
        for attempt in 0..<PassConformance.mostInterruptions {
            let interruption = Interruption(after: 1 << attempt)
            let work = FinishedWork(kept.segments, secondsBetween: 0) { kept.add($0) }
            let resumed: (graph: TensorGraph, reports: [PassReport])
            do {
                resumed = try apply(to: graph, cancellation: interruption.cancellation, progress: interruption, keeping: work)
            } catch is Cancelled {
                log.expect(interruption.cancellation.isRequested, "stops where it was not interrupted")
                continue
            }
            for (a, b) in zip(straight.graph.tensors, resumed.graph.tensors) {
                let what = "\(a.name) after \(attempt) interruptions"
                log.expectEqual(try a.payload.densifiedFloats(), try b.payload.densifiedFloats(), what)
                log.expectEqual(a.payload.byteCount, b.payload.byteCount, "bytes of \(what)")
            }
            for (a, b) in zip(straight.reports, resumed.reports) {
                log.expectEqual(b.measurements.map(\.name), a.measurements.map(\.name), "figures of \(a.pass)")
                log.expectEqual(b.measurements.map(\.value), a.measurements.map(\.value), "figures of \(a.pass)")
            }
            return
        }
        log.fail("does not come to an end")
    }

    private static let mostInterruptions = 16
}

/// Asks the work to stop once it has come so far.
private final class Interruption: Progress {
    let cancellation = Cancellation()
    private let steps = Atomic<Int>(0)
    private let limit: Int

    init(after limit: Int) { self.limit = limit }

    func begin(_ stage: String, total: Int, unit: String) {}

    func advance(by units: Int, remark: String) {
        if steps.wrappingAdd(1, ordering: .relaxed).newValue >= limit { cancellation.request() }
    }

    func end() {}
}

/// Safe to share: `FinishedWork` keeps one segment at a time, and they are read when the run is over.
private final class KeptSegments: @unchecked Sendable {
    private(set) var segments: [WorkSegment] = []

    /// A copy, as a file would be: what a snapshot is made of changes when the pass goes on.
    func add(_ segment: WorkSegment) {
        var copy = segment
        copy.snapshot?.arrays =
            segment.snapshot?.arrays.compactMapValues { array in
                try? DenseTensor(floats: array.floats(), shape: array.shape, dtype: array.dtype)
            } ?? [:]
        segments.append(copy)
    }
}
