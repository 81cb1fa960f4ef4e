import FormatKit
import PassKit
import PluginLoading

extension Registry {
    /// Adds the formats and passes of a plugin.
    ///
    /// - Throws: `PluginError` naming what it declares wrongly, or under a name that is taken.
    public mutating func add(_ library: PluginLibrary) throws {
        func clash(_ kind: String, _ name: String, _ origin: String?) -> PluginError {
            let owner = origin.map { "from \($0)" } ?? "built in"
            return PluginError(.usage, plugin: library.label, object: "\(kind) '\(name)'", "there is one of that name already, \(owner)")
        }
        for format in try library.formats() {
            if let other = formats.first(where: { $0.name == format.name }) { throw clash("format", format.name, other.origin) }
            formats.append(format)
        }
        for pass in try library.passes() {
            if let other = passes.pass(named: pass.name) { throw clash("pass", pass.name, other.origin) }
            passes.add(pass)
        }
    }

    /// Adds all plugins of the files; one that is named twice counts once.
    ///
    /// - Parameter calls: who calls their functions.
    /// - Returns: the plugins, in order.
    @discardableResult
    public mutating func addPlugins(_ paths: [String], _ calls: PluginCalls) throws -> [PluginLibrary] {
        var libraries: [PluginLibrary] = []
        for path in paths {
            let resolved = try PluginLibrary.resolved(path)
            guard !libraries.contains(where: { $0.path == resolved }) else { continue }
            let library = try PluginLibrary(path: path, calls)
            try add(library)
            libraries.append(library)
        }
        return libraries
    }
}
