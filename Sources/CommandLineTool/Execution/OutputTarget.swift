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

    /// Finds out before the work, not after it, that the output may not be written.
    func check(against graph: TensorGraph) throws {
        try OutputCheck.run(path, graph)
        if access(path, F_OK) == 0, !options.force {
            let isEmptyFolder = (try? FolderListing.names(in: path).isEmpty) ?? false
            guard isEmptyFolder else { throw FormatError.refused(path, "exists; --force replaces it") }
        }
        var trimmed = path
        while trimmed.count > 1, trimmed.hasSuffix("/") { trimmed.removeLast() }
        // Permission bits do not tell all, so a file is made and removed.
        let trial = "\(trimmed).partial-\(getpid())"
        let descriptor = open(trial, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0o600)
        guard descriptor >= 0 else { throw FormatError.writeFailed(path, "cannot be written: \(String(cString: strerror(errno)))") }
        close(descriptor)
        unlink(trial)
    }

    /// Whether the output is a folder that Hugging Face's tools load.
    var writesModelFolder: Bool { format.name == "safetensors" && !path.hasSuffix(".safetensors") }

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

    /// Says what cannot be carried, then writes.
    func write(_ graph: TensorGraph, provenance: [(key: String, value: String)], _ session: Session) throws -> WritePlan {
        var options = self.options
        options.provenance = provenance
        let expected = try format.plan(graph, options).warnings
        for warning in expected { session.diagnostics.warning(warning) }
        try session.checkStrict()
        let written = try format.write(graph, to: path, options, session.execution)
        for warning in written.warnings where !expected.contains(warning) { session.diagnostics.warning(warning) }
        return written
    }
}
