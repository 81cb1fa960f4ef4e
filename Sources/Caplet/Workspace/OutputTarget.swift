import BuiltIns
import Execution
import FormatKit
import ModelGraph
import PassKit

/// Where a request writes a model, as which format.
struct OutputTarget {
    let path: String
    let format: any WritableFormat
    var options = WriteOptions()

    /// - Parameter formatName: the format's name; nil for what the output's name says.
    /// - Throws: `RegistryError.noOutputFormat` when neither says what to write, `.readOnly`; `RequestError` for a terminal.
    init(_ path: String, formatName: String?, replaces: Bool, maximumShardBytes: Int? = nil, _ context: RequestContext) throws {
        self.path = path
        if formatName?.lowercased() == "npz" {
            guard path.lowercased().hasSuffix(".npz") else {
                throw RequestError(.usage, "output \(path): an .npz archive has a name that ends so; npy writes a folder of arrays")
            }
            format = try context.registry.writableFormat(named: "npy")
        } else if let formatName {
            format = try context.registry.writableFormat(named: formatName)
        } else if let format = try context.registry.writableFormat(forOutput: path) {
            self.format = format
        } else {
            throw RegistryError.noOutputFormat(path)
        }
        guard path != "-" else { throw RequestError(.usage, "output -: models are written to files and folders, not to standard output") }
        options.force = replaces
        options.maximumShardBytes = maximumShardBytes
        options.outputPath = path
    }

    /// Finds out before the work, not after it, that the output may not be written; finishes or undoes what runs that were cut off have left
    /// beside it.
    func check(_ context: RequestContext) throws {
        try OutputTarget.check(path, isFolder: format.writesFolder(path), replaces: options.force, context)
    }

    /// The same of any file or folder that a request writes.
    static func check(_ path: String, isFolder: Bool, replaces: Bool, _ context: RequestContext) throws {
        OutputStage.recover(besides: path, note: context.note)
        try context.reads.check(output: path)
        try OutputStage.check(path, isFolder: isFolder, force: replaces)
    }

    /// Whether the output is a folder that Hugging Face's tools load.
    var writesModelFolder: Bool { format.name == "safetensors" && format.writesFolder(path) }

    func plan(_ graph: TensorGraph) throws -> WritePlan { try format.plan(graph, options) }

    /// Bytes of the file that `write` would make.
    func byteCount(_ graph: TensorGraph, provenance: [(key: String, value: String)], _ execution: ExecutionContext) throws -> Int {
        // Of ranks the first finds it out, which has the graph as all have it.
        let found = try execution.ensemble.isFirst ? ownByteCount(graph, provenance, execution) : 0
        return Int(try execution.ensemble.broadcast(Double(found), from: 0))
    }

    private func ownByteCount(
        _ graph: TensorGraph, _ provenance: [(key: String, value: String)], _ execution: ExecutionContext
    ) throws -> Int {
        var options = self.options
        options.provenance = provenance
        if let format = format as? any MeasurableFormat { return try format.byteCount(graph, at: path, options, execution) }
        return try format.plan(graph, options).byteCount
    }

    /// What passes may know of the size before they run; nil where the format cannot say.
    func size(_ execution: ExecutionContext) -> OutputSize? {
        let byteCount = { @Sendable (graph: TensorGraph) in try self.byteCount(graph, provenance: [], execution) }
        if format is any MeasurableFormat { return OutputSize(dependsOnValues: true, byteCount: byteCount) }
        // A plugin's plan is no exact one.
        return format.origin == nil ? OutputSize(dependsOnValues: false, byteCount: byteCount) : nil
    }

    /// Says what cannot be carried, then writes under a temporary name.
    func prepare(_ graph: TensorGraph, provenance: [(key: String, value: String)], _ context: RequestContext) throws -> PreparedWrite {
        var options = self.options
        options.provenance = provenance
        let expected = try format.plan(graph, options).warnings
        for warning in expected { context.warn(warning) }
        try context.checkWarnings()
        let prepared = try format.prepare(graph, to: path, options, context.execution)
        for warning in prepared.plan.warnings where !expected.contains(warning) { context.warn(warning) }
        try context.checkWarnings()
        return prepared
    }
}
