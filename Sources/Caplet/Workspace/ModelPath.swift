import CLibrary

/// What a path says about the model at it.
enum ModelPath {
    /// The name of a model's folder, links and dots resolved, of one in a hub's cache the model's own; nil for files.
    static func folderName(_ path: String) -> String? {
        var status = stat()
        guard stat(path, &status) == 0, status.st_mode & S_IFMT == S_IFDIR, let real = realpath(path, nil) else { return nil }
        defer { free(real) }
        return HubPath.modelName(String(cString: real).split(separator: "/").map(String.init))
    }
}
