import BuiltIns
import Execution
import FormatKit
import Glibc
import ModelGraph
import PassKit

/// Where a verb writes a model, as which format.
struct OutputTarget {
    let path: String
    let format: any WritableFormat
    var options = WriteOptions()

    /// - Throws: `RegistryError.noOutputFormat` when neither the name nor `--to` says what to write, `.readOnly`; `CommandError` for a terminal.
    init(_ path: String, formatName: String?, force: Bool, maximumShardBytes: Int? = nil, _ session: Session) throws {
        self.path = path
        if let formatName {
            format = try session.registry.writableFormat(named: formatName)
        } else if let format = try session.registry.writableFormat(forOutput: path) {
            self.format = format
        } else {
            throw RegistryError.noOutputFormat(path)
        }
        guard path != "-" else { throw CommandError(.usage, "-o -: models are written to files and folders, not to standard output") }
        options.force = force
        options.maximumShardBytes = maximumShardBytes
        options.outputPath = path
    }

    /// Finds out before the work, not after it, that the output may not be written; finishes or undoes what runs that were cut off have left
    /// beside it.
    func check(_ session: Session) throws {
        try OutputTarget.check(path, isFolder: format.writesFolder(path), force: options.force, session)
    }

    /// The same of any file or folder that a verb writes.
    static func check(_ path: String, isFolder: Bool, force: Bool, _ session: Session) throws {
        OutputStage.recover(besides: path, note: session.diagnostics.note)
        try session.reads.check(output: path)
        try OutputStage.check(path, isFolder: isFolder, force: force)
    }

    /// Whether the output is a folder that Hugging Face's tools load.
    var writesModelFolder: Bool { format.name == "safetensors" && format.writesFolder(path) }

    func plan(_ graph: TensorGraph) throws -> WritePlan { try format.plan(graph, options) }

    /// Bytes of the file that `write` would make.
    func byteCount(_ graph: TensorGraph, provenance: [(key: String, value: String)], _ session: Session) throws -> Int {
        var options = self.options
        options.provenance = provenance
        if let format = format as? any MeasurableFormat { return try format.byteCount(graph, at: path, options, session.execution) }
        return try format.plan(graph, options).byteCount
    }

    /// What passes may know of the size before they run; nil where the format cannot say.
    func size(_ session: Session) -> OutputSize? {
        let byteCount = { (graph: TensorGraph) in try self.byteCount(graph, provenance: [], session) }
        if format is any MeasurableFormat { return OutputSize(dependsOnValues: true, byteCount: byteCount) }
        // A plugin's plan is no exact one.
        return format.origin == nil ? OutputSize(dependsOnValues: false, byteCount: byteCount) : nil
    }

    /// Says what cannot be carried, then writes; inputs must be what they were.
    func write(_ graph: TensorGraph, provenance: [(key: String, value: String)], _ session: Session) throws -> WritePlan {
        let prepared = try prepare(graph, provenance: provenance, session)
        try session.commit([prepared])
        return prepared.plan
    }

    /// Says what cannot be carried, then writes under a temporary name.
    func prepare(_ graph: TensorGraph, provenance: [(key: String, value: String)], _ session: Session) throws -> PreparedWrite {
        var options = self.options
        options.provenance = provenance
        let expected = try format.plan(graph, options).warnings
        for warning in expected { session.diagnostics.warning(warning) }
        try session.checkStrict()
        let prepared = try format.prepare(graph, to: path, options, session.execution)
        for warning in prepared.plan.warnings where !expected.contains(warning) { session.diagnostics.warning(warning) }
        try session.checkStrict()
        return prepared
    }
}
