import CFileSystem
import CXXHash
import CLibrary
import ModelGraph

/// The file beside an output that says, as long as a run makes it, under which names it does; the run holds a lock on it.
///
/// A journal that nobody has locked was left by a run that was cut off. Whoever opens it finishes or undoes that run.
final class OutputJournal {
    private let path: String
    private let descriptor: Int32

    private static let prefix = ".caplet-", ending = ".journal"

    private init(_ path: String, _ descriptor: Int32) {
        self.path = path
        self.descriptor = descriptor
    }

    deinit { close(descriptor) }

    /// Where the journal of an output lies: a name that is short enough however long the output's is.
    private static func path(of output: String) -> String {
        let parts = PathParts(output)
        let digits = Array(parts.name.utf8).withUnsafeBytes { String(XXH3_64bits($0.baseAddress, $0.count), radix: 16) }
        return parts.beside(prefix + String(repeating: "0", count: 16 - digits.count) + digits + ending)
    }

    private static func isJournal(_ name: String) -> Bool {
        name.hasPrefix(prefix) && name.hasSuffix(ending) && name.utf8.count == prefix.utf8.count + 16 + ending.utf8.count
    }

    /// Opens the journal of an output, makes it if there is none, and finishes or undoes what a run that was cut off has left.
    ///
    /// - Parameter note: is given a line for each output that was finished, and for each thing that could not be taken away.
    /// - Throws: `FormatError.refused` while another run makes the output, `.writeFailed` when there can be no file.
    static func open(of output: String, note: (String) -> Void) throws -> OutputJournal {
        var path = path(of: output)
        // One of another user's says nothing, and does not stand in the way.
        if !isAbsentOrOwn(path) {
            note("\(path): is another user's, and stays")
            path = PathParts(path).beside(prefix + TemporaryName.digits() + ending)
        }
        switch locked(path, creating: true) {
        case .journal(let journal):
            journal.recover(note)
            return journal
        case .busy: throw FormatError.refused(output, "is being written by another run")
        case .failed(let code): throw FormatError.writeFailed(output, "cannot be written: \(String(cString: strerror(code)))")
        }
    }

    private static func isAbsentOrOwn(_ path: String) -> Bool {
        var status = stat()
        return lstat(path, &status) != 0 || status.st_uid == geteuid() && status.st_mode & S_IFMT == S_IFREG
    }

    /// Finishes or undoes what runs that were cut off have left in a folder; those that are under way are left alone.
    static func recover(in folder: String, note: (String) -> Void) {
        for name in (try? FolderListing.names(in: folder, other: { _ in })) ?? [] where isJournal(name) {
            if case .journal(let journal) = locked(PathParts(folder + "/.").beside(name), creating: false) {
                journal.recover(note)
                journal.remove()
            }
        }
    }

    private enum Opening {
        case journal(OutputJournal)
        case busy
        case failed(Int32)
    }

    private static func locked(_ path: String, creating: Bool) -> Opening {
        while true {
            // Of a file that somebody else put there nothing is believed.
            let flags = O_RDWR | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | (creating ? O_CREAT : 0)
            let descriptor = CLibrary.open(path, flags, 0o600)
            guard descriptor >= 0 else { return .failed(errno) }
            let journal = OutputJournal(path, descriptor)
            var (opened, named) = (stat(), stat())
            guard fstat(descriptor, &opened) == 0, opened.st_mode & S_IFMT == S_IFREG, opened.st_uid == geteuid() else {
                return .failed(EPERM)
            }
            if flock(descriptor, LOCK_EX | LOCK_NB) != 0, errno == EWOULDBLOCK { return .busy }
            // The run that had the lock may have removed the file meanwhile.
            if lstat(path, &named) == 0, named.st_ino == opened.st_ino, named.st_dev == opened.st_dev { return .journal(journal) }
            if !creating { return .failed(ENOENT) }
        }
    }

    /// Says what the run is about to make, or that it has made it; what was said last holds.
    ///
    /// - Parameter durably: on the disk when this returns.
    func write(_ record: OutputRecord, durably: Bool) throws {
        // A line of its own: one that is cut off leaves the line before it.
        let bytes = Array(record.text(in: PathParts(path).folder).utf8)
        let count = bytes.withUnsafeBytes { pwrite(descriptor, $0.baseAddress, $0.count, lseek(descriptor, 0, SEEK_END)) }
        guard count == bytes.count, !durably || fsync(descriptor) == 0 else {
            throw FormatError.writeFailed(path, AtomicFileWriter.reason())
        }
        if durably { FolderSync.sync(folderOf: path) }
    }

    func remove() { unlink(path) }

    private func recover(_ note: (String) -> Void) {
        var status = stat()
        guard fstat(descriptor, &status) == 0, status.st_size > 0, status.st_size <= OutputRecord.maximumByteCount else { return }
        var bytes = [UInt8](repeating: 0, count: Int(status.st_size))
        guard bytes.withUnsafeMutableBytes({ pread(descriptor, $0.baseAddress, $0.count, 0) }) == bytes.count,
            let record = bytes.split(separator: UInt8(ascii: "\n")).reversed().lazy
                .compactMap({ OutputRecord(parsing: Array($0), in: PathParts(self.path).folder) }).first
        else { return }
        // Where other machines write too, a free lock does not say that the run has ended.
        let isOver = record.boot == OutputRecord.currentBoot || caplet_is_shared_between_machines(descriptor) == 0
        guard isOver, hasLock else {
            for path in record.leftovers { note("\(path): left by another run, which may be under way on another machine; not taken away") }
            return
        }
        record.settle().forEach(note)
        ftruncate(descriptor, 0)
    }

    /// Whether the file system has locks.
    private var hasLock: Bool { flock(descriptor, LOCK_EX | LOCK_NB) == 0 }
}
