import CCapletPlugin
import CLibrary
import Execution
import FormatKit
import ModelGraph

/// A format of a plugin that can be written, too. Safe to share as one that is read: it has nothing of its own.
final class WritablePluginFormat: PluginFormat, WritableFormat, @unchecked Sendable {
    func plan(_ graph: TensorGraph, _ options: WriteOptions) throws -> WritePlan {
        try plan(ExportedModel(graph, path: options.outputPath ?? "", ExecutionContext(threads: 1)), graph, options)
    }

    private func plan(_ model: ExportedModel, _ graph: TensorGraph, _ options: WriteOptions) throws -> WritePlan {
        var plan = WritePlan()
        plan.isExact = false
        plan.tensors = model.tensors.map { ($0.name, $0.dense.dtype.rawValue, $0.dense.byteCount) }
        let fileName = options.outputPath?.split(separator: "/").last.map(String.init) ?? name
        plan.files = [(fileName, plan.tensors.reduce(0) { $0 + $1.bytes })]
        for tie in graph.ties { plan.warnings.append("\(name) cannot tie '\(tie.name)' to '\(tie.target)'; the tie is lost") }
        if let warning = graph.structureWarning(formatName: name) { plan.warnings.append(warning) }
        if let check = format.pointee.check {
            let call = PluginCall(model.execution) { plan.warnings.append($0) }
            let plugin = library.plugin
            let status = try call.run(library.calls, library.label) { host in model.with { check(plugin, host, $0) } }
            try model.rethrow()
            try call.check(status, reading: options.outputPath ?? name, plugin: library.label)
        }
        return plan
    }

    /// Has the plugin write to a temporary place, which gets the path's name when it is committed.
    func prepare(_ graph: TensorGraph, to path: String, _ options: WriteOptions, _ context: ExecutionContext) throws -> PreparedWrite {
        var options = options
        options.outputPath = path
        try context.cancellation.check()
        try OutputCheck.run(path, graph)
        let model = try ExportedModel(graph, path: path, context)
        var plan = try plan(model, graph, options)
        let planned = plan.warnings
        func withoutRepetitions(_ plan: WritePlan) -> WritePlan {
            var plan = plan
            plan.warnings = planned + plan.warnings.dropFirst(planned.count).filter { !planned.contains($0) }
            return plan
        }
        if writesFolder(path) {
            let folder = try AtomicFolderWriter(path: path, force: options.force)
            try write(model, to: folder.temporaryPath, as: path, &plan)
            plan.files = try files(in: folder.temporaryPath)
            return try folder.prepared(withoutRepetitions(plan))
        }
        let file = try AtomicFileWriter(path: path, force: options.force)
        try write(model, to: file.temporaryPath, as: path, &plan)
        plan.files = [(plan.files[0].name, try byteCount(file.temporaryPath, path))]
        return try file.prepared(withoutRepetitions(plan))
    }

    private func write(_ model: ExportedModel, to place: String, as path: String, _ plan: inout WritePlan) throws {
        guard let function = format.pointee.write else { return }
        var warnings: [String] = []
        let call = PluginCall(model.execution, stage: "writing") { warnings.append($0) }
        let plugin = library.plugin
        let status = try call.run(library.calls, library.label) { host in model.with { function(plugin, host, $0, place) } }
        // What stopped a tensor's bytes is the reason, whatever the plugin made of it.
        try model.rethrow()
        try call.check(status, reading: path, plugin: library.label)
        try model.execution.cancellation.check()
        plan.warnings += warnings
    }

    private func byteCount(_ place: String, _ path: String) throws -> Int {
        var status = stat()
        guard stat(place, &status) == 0, status.st_mode & S_IFMT == S_IFREG else {
            throw PluginError(.malformed, plugin: library.label, object: path, "was written, and no file is there")
        }
        return Int(status.st_size)
    }

    private func files(in folder: String) throws -> [(name: String, bytes: Int)] {
        try FolderListing.names(in: folder).map { ($0, try byteCount("\(folder)/\($0)", $0)) }
    }
}
