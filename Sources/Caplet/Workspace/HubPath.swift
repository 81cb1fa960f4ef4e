import CLibrary
import FormatKit
import ModelGraph

/// What paths are to those who download models from a hub: folders of its cache, and names and addresses of models that are not here.
enum HubPath {
    /// The folder that holds a model: of the cache folder of one, `models--ORGANISATION--NAME`, the snapshot that its main branch leads to.
    ///
    /// - Throws: `RequestError` for a cache folder without a whole snapshot, and for what is a model's name or address and no path.
    static func resolved(_ path: String) throws -> String {
        guard exists(path) else {
            if let command = download(path) {
                throw RequestError(.cannotOpen, "\(path): \(String(cString: strerror(ENOENT))); to download it: \(command)")
            }
            return path
        }
        guard isCacheFolder(realName(path)) else { return path }
        let folder = path.hasSuffix("/") ? String(path.dropLast()) : path
        if let revision = mainRevision(folder), exists("\(folder)/snapshots/\(revision)") { return "\(folder)/snapshots/\(revision)" }
        let revisions = (try? FolderListing.names(in: "\(folder)/snapshots")) ?? []
        guard let only = revisions.first, revisions.count == 1 else {
            let found =
                revisions.isEmpty ? "no snapshot of a model: its download did not end" : "\(revisions.count) snapshots; name one of them"
            throw RequestError(.malformedInput, "\(path): has \(found)")
        }
        return "\(folder)/snapshots/\(only)"
    }

    /// The model's own name of a folder of the cache: that of `models--ORGANISATION--NAME/snapshots/REVISION` is NAME.
    ///
    /// - Parameter parts: of its path, links and dots resolved.
    static func modelName(_ parts: [String]) -> String? {
        let cache = parts.count > 2 && parts[parts.count - 2] == "snapshots" ? parts[parts.count - 3] : parts.last
        guard let cache, isCacheFolder(cache) else { return parts.last }
        return cache.dropFirst(prefix.count).split(separator: "--").last.map(String.init)
    }

    private static let prefix = "models--"

    private static func isCacheFolder(_ name: String) -> Bool { name.hasPrefix(prefix) && name.count > prefix.count }

    private static func realName(_ path: String) -> String {
        guard let real = realpath(path, nil) else { return "" }
        defer { free(real) }
        return String(cString: real).split(separator: "/").last.map(String.init) ?? ""
    }

    private static func mainRevision(_ folder: String) -> String? {
        let bytes = try? MappedFile(path: "\(folder)/refs/main").withBytes { Array($0.prefix(128)) }
        let text = bytes.map { String(decoding: $0, as: UTF8.self).filter { !$0.isWhitespace } }
        return text.flatMap { FileName.isPlain($0) ? $0 : nil }
    }

    private static func exists(_ path: String) -> Bool {
        var status = stat()
        return stat(path, &status) == 0
    }

    private static let hubs = ["huggingface.co", "hf.co"]
    private static let fileEndings = [".gguf", ".safetensors", ".caplet", ".npz", ".npy", ".bin", ".pt", ".pth", ".zip", ".json", ".txt"]

    /// The command that downloads what a path names, if that is a model on a hub.
    private static func download(_ path: String) -> String? {
        for scheme in ["https://", "http://"] where path.lowercased().hasPrefix(scheme) {
            let parts = path.dropFirst(scheme.count).split(separator: "/").map(String.init)
            guard let host = parts.first, hubs.contains(host.lowercased()), parts.count >= 3 else { return "curl -LO '\(quoted(path))'" }
            if parts.count > 4, ["resolve", "blob"].contains(parts[3]) {
                return "hf download \(parts[1])/\(parts[2]) \(parts[5...].joined(separator: "/")) --local-dir \(parts[2])"
            }
            return command("\(parts[1])/\(parts[2])")
        }
        let parts = path.split(separator: "/", omittingEmptySubsequences: false).map(String.init)
        guard parts.count == 2, parts.allSatisfy(isHubName), !exists(parts[0]) else { return nil }
        guard !fileEndings.contains(where: parts[1].lowercased().hasSuffix) else { return nil }
        return command(path)
    }

    private static func command(_ name: String) -> String {
        "hf download \(name) --local-dir \(name.split(separator: "/").last.map(String.init) ?? name)"
    }

    private static func quoted(_ text: String) -> String { text.replacing("'", with: "%27") }

    private static func isHubName(_ part: String) -> Bool {
        guard let first = part.first, first.isLetter || first.isNumber, part.count <= 96 else { return false }
        return part.allSatisfy { $0.isASCII && ($0.isLetter || $0.isNumber || "-_.".contains($0)) }
    }
}
