import Glibc

/// What a path says about the model at it.
enum ModelPath {
    /// The name of a model's folder, links and dots resolved; nil for files.
    static func folderName(_ path: String) -> String? {
        var status = stat()
        guard stat(path, &status) == 0, status.st_mode & S_IFMT == S_IFDIR, let real = realpath(path, nil) else { return nil }
        defer { free(real) }
        return String(cString: real).split(separator: "/").last.map(String.init)
    }
}
