import CLibrary

/// What a file or folder was when it was opened: which one, how long, when last written to.
public struct FileStamp: Hashable, Sendable {
    public let path: String
    public let identity: FileIdentity
    public let isFolder: Bool
    private let byteCount: Int64
    private let modified: [Int]

    /// Nil when nothing is there.
    public init?(path: String) {
        var status = stat()
        guard stat(path, &status) == 0 else { return nil }
        self.init(path: path, status)
    }

    init(path: String, _ status: stat) {
        self.path = path
        identity = FileIdentity(device: UInt64(status.st_dev), inode: UInt64(status.st_ino))
        isFolder = status.st_mode & S_IFMT == S_IFDIR
        byteCount = Int64(status.st_size)
        #if canImport(Darwin)
            let time = status.st_mtimespec
        #else
            let time = status.st_mtim
        #endif
        modified = [Int(time.tv_sec), Int(time.tv_nsec)]
    }

    /// How what is at the path now differs; nil when it is what it was. What is put into a folder does not change it.
    public var change: String? {
        guard let now = FileStamp(path: path) else { return "is not there any more" }
        if now.identity != identity { return "is another file than the one that was opened" }
        if isFolder { return nil }
        if now.byteCount != byteCount { return "has \(now.byteCount) bytes; it had \(byteCount) when it was opened" }
        return now.modified == modified ? nil : "was written to while it was read"
    }
}
