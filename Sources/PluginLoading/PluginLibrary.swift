import CCapletPlugin
import CLibrary
import Execution
import FormatKit
import ModelGraph
import PassKit

/// A shared library that was loaded and is a plugin of this version. It is never unloaded: runtimes inside it would not survive that.
///
/// Safe to share: nothing of it changes after `init`, and what the pointers point to is the library's, for as long as the process lives.
public final class PluginLibrary: @unchecked Sendable {
    /// Absolute, links resolved.
    public let path: String
    public let name: String
    public let version: String
    let plugin: UnsafePointer<caplet_plugin>
    /// Who calls its functions.
    let calls: PluginCalls
    /// What it has, checked; each keeps the library.
    private let formatPointers: [UnsafePointer<caplet_format>]
    private let passPointers: [UnsafePointer<caplet_pass>]

    private typealias Entry = @convention(c) (UnsafePointer<caplet_host>?) -> UnsafePointer<caplet_plugin>?
    private static let entryName = "caplet_plugin_open"

    /// Loads the file. The path is taken as it is, and looked for nowhere else.
    ///
    /// - Throws: `PluginError` for a file that is not there or that others may change, is no plugin, was built for another version, fails
    ///   to start, or declares something that breaks the rules; `Cancelled` when it does not come back.
    public init(path given: String, _ calls: PluginCalls = PluginCalls()) throws {
        path = try Self.resolved(given)
        var status = stat()
        guard stat(path, &status) == 0, status.st_mode & S_IFMT == S_IFREG else {
            throw PluginError(.cannotOpen, plugin: given, "is no file")
        }
        guard access(path, R_OK) == 0 else { throw PluginError(.cannotOpen, plugin: given, String(cString: strerror(errno))) }
        try PluginTrust.check(given)
        let entry = try Self.entry(of: path, given, calls)
        let call = PluginCall(ExecutionContext(threads: 1))
        guard let plugin = try call.run(calls, given, { entry($0) }) else {
            throw PluginError(.unsupported, plugin: given, "cannot be used: \(call.message)")
        }
        self.plugin = plugin
        self.calls = calls
        // Of a plugin of another version no more than this is known.
        let abi = UnsafeRawPointer(plugin).load(fromByteOffset: 4, as: UInt32.self)
        guard abi == CAPLET_PLUGIN_ABI_VERSION else {
            throw PluginError(
                .unsupported, plugin: given,
                "was built for version \(abi) of the plugin interface; this Caplet has \(CAPLET_PLUGIN_ABI_VERSION)")
        }
        var declared = PluginDeclarations(plugin: given, object: "")
        try declared.checkSize(plugin.pointee.struct_size, of: caplet_plugin.self, "caplet_plugin")
        let contents = plugin.pointee
        name = try declared.line(contents.name, "its name")
        version = try declared.line(contents.version, "its version")
        declared = PluginDeclarations(plugin: "\(given) (\(name) \(version))", object: "")
        formatPointers = try declared.array(contents.formats, contents.format_count, "formats").enumerated().map { index, format in
            guard let format else { throw declared.malformed("format \(index) is NULL") }
            return format
        }
        passPointers = try declared.array(contents.passes, contents.pass_count, "passes").enumerated().map { index, pass in
            guard let pass else { throw declared.malformed("pass \(index) is NULL") }
            return pass
        }
        guard !formatPointers.isEmpty || !passPointers.isEmpty else { throw declared.malformed("has neither formats nor passes") }
    }

    /// Loads the library, whose constructors are code of the plugin already, and finds its function.
    private static func entry(of path: String, _ given: String, _ calls: PluginCalls) throws -> Entry {
        let (handle, message) = try calls.run(given) {
            let handle = dlopen(path, RTLD_NOW | RTLD_LOCAL)
            // The message is the thread's own.
            return (handle, handle == nil ? PluginText.shown(dlerror()) : "")
        }
        guard let handle else {
            let prefix = path + ": "
            let reason = message.hasPrefix(prefix) ? String(message.dropFirst(prefix.count)) : message
            throw PluginError(.malformed, plugin: given, "cannot be loaded: \(reason)")
        }
        guard let symbol = dlsym(handle, entryName) else {
            throw PluginError(.malformed, plugin: given, "is no plugin: it has no function \(entryName)")
        }
        return unsafeBitCast(symbol, to: Entry.self)
    }

    /// The absolute path of a file, links resolved.
    public static func resolved(_ path: String) throws -> String {
        guard let real = realpath(path, nil) else { throw PluginError(.cannotOpen, plugin: path, String(cString: strerror(errno))) }
        defer { free(real) }
        return String(cString: real)
    }

    deinit {
        if let destroy = plugin.pointee.destroy { calls.giveBack(path) { [plugin] in destroy(plugin) } }
    }

    /// How messages call it.
    public var label: String { "\(path) (\(name) \(version))" }

    /// - Throws: `PluginError` naming the format and what is wrong with it.
    public func formats() throws -> [any Format] {
        try formatPointers.map { try PluginFormat.make($0, self) }
    }

    /// - Throws: `PluginError` naming the pass and what is wrong with it.
    public func passes() throws -> [PassDeclaration] {
        try passPointers.map { try PluginPass.declaration($0, self) }
    }
}
