import Dispatch
import Execution
import ModelGraph

/// Runs the passes of a pipeline over a graph, one after the other, and keeps their reports.
public struct PassManager {
    let pipeline: Pipeline
    let passes: [any PreparedPass]
    /// What of the order is likely not to be meant: a line for each two passes.
    public let warnings: [String]

    /// - Throws: what `PassCatalog.resolve` throws.
    public init(_ pipeline: Pipeline, catalog: PassCatalog) throws {
        self.pipeline = pipeline
        passes = try catalog.resolve(pipeline)
        warnings = try catalog.order(of: pipeline).warnings
    }

    /// Whether some pass cannot do without calibration text.
    public var needsCalibration: Bool { passes.contains(where: \.needsCalibration) }

    /// - Throws: `PassError` when a pass needs calibration and there is none.
    public func checkCalibration(isGiven: Bool) throws {
        for (pass, invocation) in zip(passes, pipeline.invocations) where pass.needsCalibration && !isGiven {
            throw PassError.needsCalibration(invocation.name)
        }
    }

    /// Refuses what the first pass could not meet. Of later ones nothing is known before those ahead of them have run.
    ///
    /// - Throws: what the pass throws.
    public func checkAim(on graph: TensorGraph, _ output: OutputSize?) throws { try passes.first?.checkAim(on: graph, output) }

    /// What each pass is going to take, by its name; nil where it does not say.
    ///
    /// Each is asked for what it takes on `graph` as it is: the passes before it change no shapes.
    public func costs(of graph: TensorGraph, calibration: CalibrationCost?) throws -> [(pass: String, cost: PassCost?)] {
        try zip(passes, pipeline.invocations).map { ($1.name, try $0.cost(of: graph, calibration: calibration)) }
    }

    /// Runs all passes. After each one every tensor is checked for consistency.
    ///
    /// - Parameters:
    ///   - work: what an equal run has finished, and where this one keeps what it finishes.
    ///   - plan: what is said of the passes as they begin, and of what comes after them.
    public func run(
        _ graph: inout TensorGraph, _ context: PassContext, keeping work: FinishedWork? = nil, _ plan: WorkPlan? = nil
    ) throws -> [PassReport] {
        try checkCalibration(isGiven: context.calibration != nil)
        Operations.count(sharedBy: context.execution.threads)
        // Ranks that share work tell each other what they have finished, wherever it is kept.
        let work = context.ensemble.isShared ? work ?? FinishedWork { _ in } : work
        var reports: [PassReport] = []
        for (index, (pass, invocation)) in zip(passes, pipeline.invocations).enumerated() {
            try context.execution.cancellation.check()
            let finished = work?.pass(index)
            if let report = try finished?.restore(&graph) {
                reports.append(report)
                continue
            }
            let before = finished == nil ? nil : graph
            let (parameters, bytes) = (graph.parameterCount, graph.byteCount)
            let (start, work) = (DispatchTime.now(), WorkSoFar())
            plan?.enter(index, context.execution.progress)
            if index > 0 { try pass.checkAim(on: graph, context.outputSize) }
            var report = try pass.run(&graph, context.with(finished))
            for warning in context.calibration?.warnings ?? [] where !reports.contains(where: { $0.warnings?.contains(warning) == true }) {
                report.warn(warning)
            }
            for tensor in graph.tensors { try tensor.checkInvariants() }
            report.pass = invocation.description
            report.seconds = Double(DispatchTime.now().uptimeNanoseconds - start.uptimeNanoseconds) / 1e9
            report.work = work.untilNow
            (report.parametersBefore, report.bytesBefore) = (parameters, bytes)
            (report.parametersAfter, report.bytesAfter) = (graph.parameterCount, graph.byteCount)
            let norm = report.tensors.reduce(0) { $0 + $1.squaredNorm }
            let error = report.tensors.reduce(0) { $0 + $1.squaredError }
            report.relativeError = error == 0 ? 0 : (error / norm).squareRoot()
            reports.append(report)
            if let finished, let before { try finished.finish(report, graph, since: before, isLast: index == passes.count - 1) }
            try context.results?.settle(&graph)
        }
        return reports
    }
}
