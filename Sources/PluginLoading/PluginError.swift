/// A plugin that cannot be loaded, or broke the rules of caplet_plugin.h.
public struct PluginError: Error, CustomStringConvertible {
    public enum Kind: Sendable {
        /// The file is not there or may not be read.
        case cannotOpen
        /// The file is no plugin, or what it says or returns breaks the rules.
        case malformed
        /// It was built for another version of the interface, or cannot be used here.
        case unsupported
        /// It was asked for in a way that makes no sense.
        case usage
        /// It failed of itself.
        case failed
    }

    public let kind: Kind
    /// The plugin's file, and its name once that is known.
    public let plugin: String
    /// What of it, such as "tensor 'a'"; empty for the plugin as a whole.
    public let object: String
    public let message: String

    public init(_ kind: Kind, plugin: String, object: String = "", _ message: String) {
        self.kind = kind
        self.plugin = plugin
        self.object = object
        self.message = message
    }

    public var description: String { [plugin, object, message].filter { !$0.isEmpty }.joined(separator: ": ") }
}
