import CLibrary
import FormatKit
import ModelGraph

/// Whether a plugin can be put there, or changed, by none but the user and root: its code runs with all the user may do.
enum PluginTrust {
    /// Links that are followed at most, as the kernel does.
    private static let maximumLinks = 40

    /// Looks at a file and at every folder on the way to it, those that links lead through among them.
    ///
    /// - Throws: `PluginError` naming the first that somebody else may change, and what to do about it.
    static func check(_ given: String) throws {
        var names = components(given.hasPrefix("/") ? given : try currentFolder(given) + "/" + given)
        var folder = "/"
        var links = 0
        try checkFolder(folder, holdsFile: false, given)
        while let name = names.popLast() {
            if name == ".." {
                folder = parent(folder)
                continue
            }
            let place = folder == "/" ? "/\(name)" : "\(folder)/\(name)"
            var status = stat()
            guard lstat(place, &status) == 0 else { throw PluginError(.cannotOpen, plugin: given, String(cString: strerror(errno))) }
            switch status.st_mode & S_IFMT {
            case S_IFLNK:
                links += 1
                guard links <= maximumLinks, let target = target(place) else {
                    throw PluginError(.cannotOpen, plugin: given, String(cString: strerror(ELOOP)))
                }
                // Whoever may change the folder of a link may lead it elsewhere.
                try checkFolder(folder, holdsFile: names.isEmpty, given)
                if target.hasPrefix("/") { folder = "/" }
                names += components(target)
            case S_IFDIR:
                folder = place
                try checkFolder(folder, holdsFile: false, given)
            default:
                try checkFolder(folder, holdsFile: true, given)
                try checkOwner(status, place, given)
                guard status.st_mode & S_IWOTH == 0 else { throw refusal(given, place, "anybody may write to it", "chmod o-w") }
            }
        }
    }

    /// Names from the last to the first; "." and empty ones left out.
    private static func components(_ path: String) -> [String] {
        path.split(separator: "/").map(String.init).filter { $0 != "." }.reversed()
    }

    private static func parent(_ folder: String) -> String {
        let path = folder.split(separator: "/").dropLast().joined(separator: "/")
        return "/" + path
    }

    private static func currentFolder(_ given: String) throws -> String {
        guard let path = getcwd(nil, 0) else { throw PluginError(.cannotOpen, plugin: given, String(cString: strerror(errno))) }
        defer { free(path) }
        return String(cString: path)
    }

    private static func target(_ link: String) -> String? {
        var buffer = [CChar](repeating: 0, count: Int(PATH_MAX))
        let count = readlink(link, &buffer, buffer.count)
        guard count > 0, count < buffer.count else { return nil }
        return String(decoding: buffer[..<count].map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }

    /// - Parameter holdsFile: whether the plugin lies in it. Others may be open to all where only owners may rename and remove, as /tmp is.
    private static func checkFolder(_ folder: String, holdsFile: Bool, _ given: String) throws {
        var status = stat()
        guard stat(folder, &status) == 0 else { throw PluginError(.cannotOpen, plugin: given, String(cString: strerror(errno))) }
        try checkOwner(status, folder, given)
        guard status.st_mode & S_IWOTH == 0 || (!holdsFile && status.st_mode & S_ISVTX != 0) else {
            throw refusal(given, folder, "anybody may write to it", "chmod o-w")
        }
    }

    private static func checkOwner(_ status: stat, _ place: String, _ given: String) throws {
        guard status.st_uid == 0 || status.st_uid == geteuid() else {
            throw refusal(given, place, "user \(status.st_uid) owns it; root or user \(geteuid()) was expected", "chown")
        }
    }

    private static func refusal(_ given: String, _ place: String, _ reason: String, _ remedy: String) -> PluginError {
        PluginError(.unsupported, plugin: given, object: place, "\(reason), so the plugin is not loaded; \(remedy) makes it safe")
    }
}
