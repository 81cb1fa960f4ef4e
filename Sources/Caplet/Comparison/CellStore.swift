import CLibrary
import FormatKit
import FoundationEssentials
import ModelGraph

/// The folder of a comparison: one file a cell below `cells`, and what is made of all of them.
struct CellStore {
    let path: String
    let makesAnew: Bool

    init(_ path: String, makesAnew: Bool) {
        var trimmed = path
        while trimmed.count > 1, trimmed.hasSuffix("/") { trimmed.removeLast() }
        self.path = trimmed
        self.makesAnew = makesAnew
    }

    private var cells: String { "\(path)/cells" }
    private func path(of identity: CellIdentity) -> String { "\(cells)/\(identity.fileName).json" }
    /// Beside what a model lies while its bytes are counted.
    ///
    /// - Parameter rank: that counts them, each at a place of its own.
    func measuredPath(_ format: String = "caplet", rank: Int = 0) -> String { "\(path)/model\(rank == 0 ? "" : "-\(rank)").\(format)" }

    /// Finds out before the work that the folder is one of somebody else's.
    ///
    /// - Throws: `FormatError.refused` for a file, or a folder that holds other things than cells, unless `makesAnew`.
    func check() throws {
        var status = stat()
        guard stat(path, &status) == 0 else { return }
        guard status.st_mode & S_IFMT == S_IFDIR else { throw FormatError.refused(path, "is a file; a folder is to be written") }
        let names = try FolderListing.names(in: path)
        guard names.isEmpty || names.contains("cells") || makesAnew else {
            throw FormatError.refused(path, "exists and holds no cells of a comparison", remedy: .writeThere)
        }
        for (name, isOwn) in [(CellStore.documentName, CellStore.isDocument), (CellStore.pageName, CellStore.isPage)] where !makesAnew {
            guard names.contains(name), !(try isOwn("\(path)/\(name)")) else { continue }
            throw FormatError.refused("\(path)/\(name)", "is of no comparison", remedy: .replaceOutput)
        }
    }

    static let documentName = "compare.json", pageName = "compare.html"

    /// What a comparison writes, or may write, besides making folders.
    func places(_ identities: [CellIdentity]) -> [String] {
        [CellStore.documentName, CellStore.pageName].map { "\(path)/\($0)" } + identities.map(path(of:))
    }

    private static func isDocument(_ path: String) throws -> Bool {
        struct Document: Decodable { let cells: [Cell] }
        struct Cell: Decodable { let method: String }
        return (try? JSONOutput.value(Document.self, from: MappedFile(path: path).withBytes { Data($0) })) != nil
    }

    private static func isPage(_ path: String) throws -> Bool {
        try MappedFile(path: path).withBytes { String(decoding: $0.prefix(4096), as: UTF8.self).contains(ComparisonPage.mark) }
    }

    /// Makes the folders that are missing.
    ///
    /// - Returns: those that were, outermost first.
    func make() throws -> [String] {
        try [path, cells].filter { folder in
            if mkdir(folder, 0o777) == 0 { return true }
            guard errno == EEXIST else { throw FormatError.writeFailed(folder, "cannot be made: \(String(cString: strerror(errno)))") }
            return false
        }
    }

    /// The cell of that identity, nil when it has to be made.
    ///
    /// - Throws: `FormatError.refused` for a cell in its place that was made otherwise, unless `makesAnew`.
    func read(_ identity: CellIdentity) throws -> ComparisonCell? {
        let path = path(of: identity)
        guard access(path, F_OK) == 0 else { return nil }
        let bytes = try MappedFile(path: path).withBytes { Data($0) }
        guard let cell = try? JSONOutput.value(ComparisonCell.self, from: bytes) else {
            if makesAnew { return nil }
            throw FormatError.refused(path, "is no cell of a comparison", remedy: .makeAnew)
        }
        if cell.identity == identity { return cell }
        if makesAnew { return nil }
        throw FormatError.refused(path, "was made otherwise (\(cell.identity.difference(from: identity)))", remedy: .makeAnew)
    }

    func write(_ cell: ComparisonCell) throws { try write(try JSONOutput.line(cell), to: path(of: cell.identity)) }

    /// A file of the comparison as a whole: it says nothing that the cells do not, and is made anew by every run.
    func write(_ text: String, as name: String) throws { try write(text, to: "\(path)/\(name)") }

    private func write(_ text: String, to path: String) throws {
        let writer = try AtomicFileWriter(path: path, force: true)
        try writer.write(Array(text.utf8) + [UInt8(ascii: "\n")])
        try writer.commit()
    }
}
