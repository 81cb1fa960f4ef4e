import CCapletPlugin
import Execution
import FormatKit
import ModelGraph

/// A format of a plugin, as any other format.
///
/// Safe to share: nothing of it changes after `init`, and the library that the declaration lies in is never unloaded.
class PluginFormat: Format, @unchecked Sendable {
    let library: PluginLibrary
    let format: UnsafePointer<caplet_format>
    let name: String
    let summary: String
    let fileExtensions: [String]
    let layout: FormatLayout
    var origin: String? { library.path }

    /// - Throws: `PluginError` naming what of the declaration is wrong.
    static func make(_ format: UnsafePointer<caplet_format>, _ library: PluginLibrary) throws -> any Format {
        let size = UnsafeRawPointer(format).load(as: UInt32.self)
        try PluginDeclarations(plugin: library.label, object: "a format").checkSize(size, of: caplet_format.self, "caplet_format")
        return format.pointee.write == nil ? try PluginFormat(format, library) : try WritablePluginFormat(format, library)
    }

    init(_ format: UnsafePointer<caplet_format>, _ library: PluginLibrary) throws {
        let contents = format.pointee
        let first = PluginDeclarations(plugin: library.label, object: "a format")
        name = try first.word(contents.name, "its name")
        let declared = PluginDeclarations(plugin: library.label, object: "format '\(name)'")
        summary = try declared.line(contents.summary, "its summary")
        fileExtensions = try declared.array(contents.extensions, contents.extension_count, "extensions").map {
            let ending = try declared.text($0, "an extension")
            guard !ending.isEmpty, ending.allSatisfy({ $0.isASCII && ($0.isLowercase || $0.isNumber || $0 == "-" || $0 == "_") }) else {
                throw declared.malformed("the extension '\(ending)' is not small letters and digits without a dot")
            }
            return ending
        }
        switch Int(contents.layout) {
        case Int(CAPLET_LAYOUT_FILE): layout = .file
        case Int(CAPLET_LAYOUT_FOLDER): layout = .folder
        case Int(CAPLET_LAYOUT_FILE_OR_FOLDER): layout = .fileOrFolder
        default: throw declared.malformed("has the unknown layout \(contents.layout)")
        }
        guard contents.recognises != nil, contents.read != nil else { throw declared.malformed("has no function to recognise or to read") }
        self.library = library
        self.format = format
    }

    func recognises(_ probe: FileProbe) -> Bool {
        guard let function = format.pointee.recognises else { return false }
        let plugin = library.plugin
        // One that does not come back has recognised nothing; why, the end of the run says.
        let answer = try? library.calls.run(library.label) {
            CStrings.with([probe.path] + probe.entries) { texts in
                probe.head.withUnsafeBufferPointer { head in
                    var first = caplet_probe()
                    first.struct_size = UInt32(MemoryLayout<caplet_probe>.size)
                    first.is_folder = probe.isFolder ? 1 : 0
                    first.path = texts[0]
                    first.head = head.baseAddress
                    first.head_count = UInt64(head.count)
                    first.entries = texts.baseAddress.map { $0 + 1 }
                    first.entry_count = UInt64(probe.entries.count)
                    return function(plugin, &first) != 0
                }
            }
        }
        return answer ?? false
    }

    /// Reads a model by the plugin's function.
    ///
    /// - Throws: `FormatError` as the plugin says, and for a model that breaks the interface's rules; `PluginError`; `Cancelled`.
    func read(_ path: String, _ context: ReadContext) throws -> TensorGraph {
        let probe = try FileProbe(path: path)
        guard let function = format.pointee.read else { throw PluginError(.failed, plugin: library.label, "cannot read") }
        let call = PluginCall(context.execution, stage: "reading") { context.warn("\(path): \($0)") }
        let plugin = library.plugin
        let (status, model) = try call.run(library.calls, library.label) { host in
            var model: UnsafePointer<caplet_model>?
            let status = function(plugin, host, path, &model)
            return (status, model)
        }
        try call.check(status, reading: path, plugin: library.label)
        guard let model else { throw PluginError(.malformed, plugin: library.label, object: path, "was read, and no model came of it") }
        var graph = try PluginModel(model, path: path, library).graph()
        let places = [path] + (probe.isFolder ? probe.entries.map { "\(path)/\($0)" } : [])
        graph.sources = places.compactMap { FileStamp(path: $0) }
        return graph
    }
}
