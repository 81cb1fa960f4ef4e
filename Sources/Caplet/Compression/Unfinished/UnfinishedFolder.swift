import CLibrary
import FormatKit
import FoundationEssentials
import ModelGraph

/// The names in a folder of unfinished work, and the file that says whose it is.
struct UnfinishedFolder {
    private let path: String

    private static let identityName = "run.json"
    private static let ending = ".caplet"
    private static let snapshotPrefix = "pass-"

    init(_ path: String) { self.path = path }

    func segmentPath(_ number: Int) -> String {
        let digits = String(number)
        return "\(path)/\(String(repeating: "0", count: max(6 - digits.count, 0)))\(digits)\(UnfinishedFolder.ending)"
    }

    func snapshotPath(_ pass: Int) -> String { "\(path)/\(UnfinishedFolder.snapshotPrefix)\(pass)\(UnfinishedFolder.ending)" }

    /// The containers, in the order of their names.
    func containers() throws -> [String] { try FolderListing.names(in: path).filter(UnfinishedFolder.isContainer) }

    func lastNumber(of names: [String]) -> Int { names.compactMap { Int($0.dropLast(UnfinishedFolder.ending.count)) }.max() ?? 0 }

    func make() throws {
        guard mkdir(path, 0o777) == 0 || errno == EEXIST else {
            throw FormatError.writeFailed(path, "cannot be made: \(String(cString: strerror(errno)))")
        }
    }

    /// What `run.json` is: what the run was given, and the digest of that.
    private struct Identity: Codable {
        let given: [String: String]
        let digest: String

        init(_ given: [String: String]) {
            self.given = given
            digest = Identity.digest(given)
        }

        var isIntact: Bool { digest == Identity.digest(given) }

        private static func digest(_ given: [String: String]) -> String {
            let text = given.sorted { $0.key < $1.key }.map { "\($0.key)\n\($0.value)\n" }.joined()
            return Array(text.utf8).withUnsafeBytes { ContentDigest(of: $0).hexadecimal }
        }
    }

    /// Says whose the folder is, if nothing does yet.
    func identify(_ given: () throws -> [String: String]) throws {
        let path = "\(path)/\(UnfinishedFolder.identityName)"
        if access(path, F_OK) == 0 { return }
        let writer = try AtomicFileWriter(path: path, force: false)
        try writer.write(Array(try JSONOutput.line(Identity(given())).utf8))
        try writer.commit()
    }

    enum Difference {
        case equal
        /// What says whose the folder is was changed by something else than a run.
        case damaged
        case other(String)
    }

    /// How the run whose folder it is differs from one that was given this.
    func difference(from given: [String: String]) throws -> Difference {
        let path = "\(path)/\(UnfinishedFolder.identityName)"
        guard access(path, F_OK) == 0 else { return .other("it does not say which") }
        let bytes = try MappedFile(path: path).withBytes { Data($0) }
        guard let other = try? JSONOutput.value(Identity.self, from: bytes), other.isIntact else { return .damaged }
        for key in Set(given.keys).union(other.given.keys).sorted() where given[key] != other.given[key] {
            return .other("\(key) \(other.given[key] ?? "none"), not \(given[key] ?? "none")")
        }
        return .equal
    }

    /// Removes what runs have made in the folder, and the folder if nothing else is in it.
    func remove() {
        OutputStage.recover(besides: "\(path)/\(UnfinishedFolder.identityName)") { _ in }
        for name in (try? FolderListing.names(in: path)) ?? []
        where name == UnfinishedFolder.identityName || UnfinishedFolder.isContainer(name) {
            unlink("\(path)/\(name)")
        }
        rmdir(path)
    }

    /// Whether runs give files such names.
    private static func isContainer(_ name: String) -> Bool {
        guard name.hasSuffix(ending) else { return false }
        let stem = name.dropLast(ending.count)
        let digits = stem.hasPrefix(snapshotPrefix) ? stem.dropFirst(snapshotPrefix.count) : stem
        return !digits.isEmpty && digits.allSatisfy { ("0"..."9").contains($0) }
    }
}

/// A lock that this process has on a folder, as long as the value lives.
final class FolderLock: Sendable {
    private let descriptor: Int32

    /// Nil when another process has it; where a file system knows no locks, everybody does.
    ///
    /// - Throws: `FileAccessError`.
    init?(_ path: String) throws {
        descriptor = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        guard descriptor >= 0 else { throw FileAccessError(path: path, code: errno) }
        if flock(descriptor, LOCK_EX | LOCK_NB) != 0, errno == EWOULDBLOCK { return nil }
    }

    deinit { close(descriptor) }
}
