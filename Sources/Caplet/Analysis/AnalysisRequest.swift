import FormatKit
import Inference
import ModelGraph
import Models
import PassKit

/// Compresses each linear layer of a model by itself, one way after the other, and measures what that does to the loss; takes each block away; and
/// looks at singular values, and at how little blocks change what goes through them. Writes no model.
///
/// Cost of a alternatives for L layers and N calibration tokens: about (a + 1)·L/2 forward passes over the N tokens, for what comes before a layer is
/// run once; a block is half a pass on the average; and what the alternatives' passes take.
public struct AnalysisRequest: Request {
    /// The model: a file or a folder of any format.
    public var model: String
    /// What losses are measured on, and what the alternatives calibrate on; nil for the text that comes with the program.
    public var calibration: CalibrationText?
    /// What is done to each layer, beside taking it away; each name once.
    public var alternatives = AnalysisAlternative.usual
    /// Seed of every random choice of the alternatives' passes.
    public var seed: UInt64 = 0
    /// The model's format; nil to look at it.
    public var format: String?
    /// Where a report goes: a page where the name ends in .html, otherwise JSON; nil for nowhere.
    public var reportPath: String?
    /// Whether what is at the report's path is replaced.
    public var replacesReport = false

    /// A request with what has no default.
    public init(model: String) { self.model = model }

    /// Called by a workspace.
    public func perform(in context: RequestContext) throws -> ModelAnalysis {
        try calibration?.check()
        context.willRead([model] + (calibration?.paths ?? []))
        for (index, one) in alternatives.enumerated() where alternatives[..<index].contains(where: { $0.name == one.name }) {
            throw RequestError(.usage, "alternative '\(one.name)' is given twice")
        }
        let managers = try alternatives.map { try PassManager($0.pipeline, catalog: context.registry.passes) }
        for manager in managers { try manager.refuseTeachers("an analysis reads no other model") }
        // Opened before the work, so that a report that cannot be written is known before and not after it.
        let reportFile = try reportPath.map { try AtomicFileWriter(path: $0, force: replacesReport) }
        let opened = try context.open(model, from: format).model
        guard opened.quantization.isEmpty else {
            throw RequestError(.unsupported, "\(model): \(ModelError.quantized(opened.quantization))")
        }
        let text = (calibration ?? CalibrationText(.builtIn, sequences: 32)).fitted(to: opened.configuration)
        if text.source == .builtIn { context.note("no text is given: English speeches that come with the program are used") }
        let execution = context.execution(beside: reportPath ?? "analysis")
        guard let sets = try context.naming(model, { try CalibrationSets(text, opened, context, execution) }) else {
            preconditionFailure("a text was given")
        }
        let name = ModelPath.folderName(model) ?? model
        let analysis = try context.naming(model) {
            try AnalysisRun(opened, sets, seed: seed, context, execution).run(Array(zip(alternatives, managers)), name: name)
        }
        for warning in sets.calibration.warnings { context.warn(warning) }
        try context.checkWarnings()
        let report = try reportFile.map { file in
            let isPage = [".html", ".htm"].contains { (reportPath ?? "").lowercased().hasSuffix($0) }
            let text = isPage ? AnalysisPage(analysis).text : try JSONOutput.line(analysis) + "\n"
            try file.write(Array(text.utf8))
            return try file.prepared(WritePlan())
        }
        try context.commit([report].compactMap { $0 })
        return analysis
    }
}
