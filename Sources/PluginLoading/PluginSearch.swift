import CLibrary
import FormatKit
import ModelGraph

/// Where plugins are looked for: in the folders of CAPLET_PLUGIN_PATH, and nowhere else. Not in the current folder, not beside or
/// inside a model: what a download brings along is never run.
public enum PluginSearch {
    public static let variable = "CAPLET_PLUGIN_PATH"

    /// The shared libraries (`*.so`) in the folders that the variable names, folder by folder, by name.
    ///
    /// - Parameter value: folders apart by colons; nil or empty for none.
    /// - Throws: `PluginError` for an entry that is empty or relative, which would mean the current folder, or cannot be read.
    public static func files(_ value: String?) throws -> [String] {
        guard let value, !value.isEmpty else { return [] }
        return try value.split(separator: ":", omittingEmptySubsequences: false).enumerated().flatMap { index, folder in
            guard folder.hasPrefix("/") else {
                throw PluginError(
                    .usage, plugin: variable,
                    "entry \(index + 1), '\(folder)', is no absolute path; plugins are not looked for in the current folder")
            }
            do {
                return try FolderListing.names(in: String(folder)).filter { $0.hasSuffix(".so") && !$0.hasPrefix(".") }
                    .map { "\(folder)/\($0)" }
            } catch let error as FileAccessError {
                throw PluginError(.cannotOpen, plugin: variable, "\(error)")
            }
        }
    }
}
