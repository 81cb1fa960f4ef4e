import Execution
import Foundation
import FormatKit
import ModelGraph
import TestSupport
import XCTest

/// Outputs appear whole and together, replace only what may be replaced, and what a killed run leaves is finished or undone.
final class OutputStageTests: XCTestCase {
    private func text(_ folder: TemporaryFolder) throws -> [String] {
        try folder.files().map { "\($0.name) \(String(decoding: $0.bytes, as: UTF8.self))" }
    }

    private func prepared(_ path: String, _ content: String, force: Bool = false) throws -> PreparedWrite {
        let file = try AtomicFileWriter(path: path, force: force)
        try file.write(Array(content.utf8))
        return try file.prepared(WritePlan())
    }

    private func assertRefused(_ path: String, isFolder: Bool, force: Bool = true, saying words: String, line: UInt = #line) {
        XCTAssertThrowsError(try OutputStage.check(path, isFolder: isFolder, force: force), line: line) { error in
            XCTAssertEqual((error as? FormatError)?.kind, .refused, "\(error)", line: line)
            XCTAssertTrue("\(error)".contains(words), "\(error)", line: line)
        }
    }

    // MARK: - What may be replaced

    func testOnlyRegularFilesAreReplaced() throws {
        let folder = try TemporaryFolder()
        try folder.write(Array("mine".utf8), as: "file")
        XCTAssertEqual(symlink(folder.path("file"), folder.path("link")), 0)
        XCTAssertEqual(symlink("nowhere", folder.path("dangling")), 0)
        XCTAssertEqual(mkfifo(folder.path("pipe"), 0o600), 0)
        XCTAssertNoThrow(try OutputStage.check(folder.path("file"), isFolder: false, force: true))
        XCTAssertThrowsError(try OutputStage.check(folder.path("file"), isFolder: false, force: false)) {
            XCTAssertEqual(($0 as? FormatError)?.remedy, .replaceOutput, "\($0)")
        }
        for (name, words) in [("link", "symbolic link"), ("dangling", "symbolic link"), ("pipe", "a pipe")] {
            for isFolder in [false, true] {
                for force in [false, true] { assertRefused(folder.path(name), isFolder: isFolder, force: force, saying: words) }
            }
        }
        assertRefused("/dev/null", isFolder: false, saying: "a device")
        assertRefused(folder.path, isFolder: false, saying: "is a folder")
        assertRefused(folder.path("file"), isFolder: true, saying: "is a file")
    }

    func testAFolderIsReplacedOnlyWithNothingElseInIt() throws {
        let folder = try TemporaryFolder()
        func write(_ content: String, force: Bool) throws {
            let writer = try AtomicFolderWriter(path: folder.path("m"), force: force)
            try writer.write(Array(content.utf8), as: "a")
            try writer.write([UInt8](repeating: 7, count: 3_000_000), as: "weights")
            try writer.prepared(WritePlan()).commit()
        }
        try write("1", force: false)
        XCTAssertThrowsError(try write("2", force: false))
        try write("2", force: true)
        XCTAssertEqual(try TemporaryFolder.bytes(of: folder.path("m/a")), Array("2".utf8))
        XCTAssertEqual(try FolderListing.names(in: folder.path), ["m"])

        // Something of the user's, beside or below, or in place of what was written.
        try folder.write(Array("mine".utf8), as: "m/notes.txt")
        XCTAssertThrowsError(try write("3", force: true)) { XCTAssertTrue("\($0)".contains("'notes.txt'"), "\($0)") }
        try FileManager.default.removeItem(atPath: folder.path("m/notes.txt"))
        try FileManager.default.createDirectory(atPath: folder.path("m/below"), withIntermediateDirectories: false)
        XCTAssertThrowsError(try write("3", force: true)) { XCTAssertTrue("\($0)".contains("'below'"), "\($0)") }
        try FileManager.default.removeItem(atPath: folder.path("m/below"))
        for name in ["a", "weights"] {
            let before = try TemporaryFolder.bytes(of: folder.path("m/\(name)"))
            var changed = before
            changed[changed.count - 1] ^= 1
            try folder.write(changed, as: "m/\(name)")
            XCTAssertThrowsError(try write("3", force: true)) { XCTAssertTrue("\($0)".contains("'\(name)', which was changed"), "\($0)") }
            try folder.write(before, as: "m/\(name)")
        }
        try write("3", force: true)
        XCTAssertEqual(try TemporaryFolder.bytes(of: folder.path("m/a")), Array("3".utf8))
    }

    func testPermissionsAreKept() throws {
        let folder = try TemporaryFolder()
        func mode(_ name: String) throws -> mode_t {
            var status = stat()
            XCTAssertEqual(stat(folder.path(name), &status), 0)
            return status.st_mode & 0o7777
        }
        try folder.write(Array("old".utf8), as: "file")
        chmod(folder.path("file"), 0o640)
        try prepared(folder.path("file"), "new", force: true).commit()
        XCTAssertEqual(try mode("file"), 0o640)
        for _ in 0..<2 {
            let writer = try AtomicFolderWriter(path: folder.path("m"), force: true)
            try writer.write([1], as: "a")
            try writer.prepared(WritePlan()).commit()
            chmod(folder.path("m"), 0o700)
            chmod(folder.path("m/a"), 0o600)
        }
        XCTAssertEqual([try mode("m"), try mode("m/a")], [0o700, 0o600])
    }

    func testWhatIsReadIsNotWritten() throws {
        let folder = try TemporaryFolder()
        try FileManager.default.createDirectory(atPath: folder.path("a/b"), withIntermediateDirectories: true)
        let input = try folder.write([1], as: "a/b/model")
        XCTAssertEqual(link(input, folder.path("other-name")), 0)
        XCTAssertEqual(symlink(folder.path("a"), folder.path("way")), 0)
        var reads = ReadPaths()
        reads.add(folder.path("way/b/model"))
        for output in ["a/b/model", "other-name", "a/b", "a", "way", "."] {
            XCTAssertThrowsError(try reads.check(output: folder.path(output)), output)
        }
        XCTAssertThrowsError(try reads.check(output: "/"))
        XCTAssertNoThrow(try reads.check(output: folder.path("a/b/new")))
    }

    // MARK: - Names

    func testLongNames() throws {
        let folder = try TemporaryFolder()
        let name = String(repeating: "n", count: 250) + ".gguf"
        try prepared(folder.path(name), "1").commit()
        try prepared(folder.path(name), "2", force: true).commit()
        XCTAssertEqual(try text(folder), ["\(name) 2"])
        // Letters of several bytes are not cut in the middle.
        let wide = String(repeating: "ü", count: 127)
        try prepared(folder.path(wide), "3").commit()
        XCTAssertEqual(try folder.files().count, 2)
        XCTAssertThrowsError(try OutputStage.check(folder.path(name + "x"), isFolder: false, force: false)) {
            XCTAssertEqual(($0 as? FormatError)?.kind, .writeFailed)
        }
    }

    func testTwoRunsDoNotMakeOneOutput() throws {
        let folder = try TemporaryFolder()
        let first = try AtomicFileWriter(path: folder.path("m"), force: true)
        XCTAssertThrowsError(try AtomicFileWriter(path: folder.path("m"), force: true)) {
            XCTAssertTrue("\($0)".contains("another run"), "\($0)")
        }
        try first.write([1])
        try first.commit()
        XCTAssertNoThrow(try AtomicFileWriter(path: folder.path("m"), force: true))
    }

    // MARK: - Sets

    func testSeveralOutputsAppearTogetherOrNotAtAll() throws {
        let folder = try TemporaryFolder()
        try folder.write(Array("old".utf8), as: "a")
        let writes = try ["a", "b"].map { try prepared(folder.path($0), "new", force: $0 == "a") }
        try PreparedWrite.commit(writes)
        XCTAssertEqual(try text(folder), ["a new", "b new"])

        let more = try ["a", "c"].map { try prepared(folder.path($0), "newer", force: $0 == "a") }
        try folder.write(Array("mine".utf8), as: "c")
        XCTAssertThrowsError(try PreparedWrite.commit(more))
        withExtendedLifetime(more) {}
        XCTAssertEqual(try text(folder).filter { !$0.hasPrefix(".") && !$0.contains(".partial-") }, ["a new", "b new", "c mine"])
    }

    func testWhatIsNotCommittedIsGone() throws {
        let folder = try TemporaryFolder()
        do { _ = try prepared(folder.path("a"), "new") }
        XCTAssertEqual(try folder.files().count, 0)
    }

    /// A folder has no list of its files until the list is whole, as when the disk fills up while it is written.
    func testAFolderWhoseListCannotBeWrittenIsGone() throws {
        let folder = try TemporaryFolder()
        #if canImport(Glibc)
            let fileSize = __rlimit_resource_t(RLIMIT_FSIZE.rawValue)
        #else
            let fileSize = RLIMIT_FSIZE
        #endif
        var limit = rlimit()
        getrlimit(fileSize, &limit)
        var unlimited = limit
        defer { setrlimit(fileSize, &unlimited) }
        let before = signal(SIGXFSZ, SIG_IGN)
        defer { signal(SIGXFSZ, before) }
        do {
            let writer = try AtomicFolderWriter(path: folder.path("f"), force: false)
            try writer.write([1], as: "a")
            limit.rlim_cur = 8
            setrlimit(fileSize, &limit)
            XCTAssertThrowsError(try writer.prepared(WritePlan()))
            XCTAssertFalse(try FolderListing.names(in: writer.temporaryPath).contains(".caplet-files.json"))
        }
        XCTAssertEqual(try FolderListing.names(in: folder.path), [])
    }

    // MARK: - After a kill

    /// The names that a run gave, from its journal; the journal's own name.
    private func leave(
        _ folder: TemporaryFolder, complete: Bool, _ outputs: [(path: String, temporary: String, spare: String, inode: String?)]
    ) throws {
        let entries = outputs.map { output in
            "{\"path\":\"\(output.path)\",\"temporary\":\"\(output.temporary)\",\"spare\":\"\(output.spare)\",\"folder\":false,"
                + "\"inode\":\(output.inode.map { "\"\($0)\"" } ?? "null")}"
        }
        let line =
            "{\"journal\":\"caplet\",\"version\":1,\"boot\":\"gone\",\"complete\":\(complete),\"outputs\":[\(entries.joined(separator: ","))]}\n"
        try folder.write(Array(line.utf8), as: ".caplet-0123456789abcdef.journal")
    }

    private func inode(_ path: String) -> String {
        var status = stat()
        return stat(path, &status) == 0 ? "\(status.st_ino)" : "none"
    }

    private let digits = "0123456789abcdef", other = "fedcba9876543210"

    func testAnIncompleteRunIsUndone() throws {
        let folder = try TemporaryFolder()
        try folder.write(Array("old".utf8), as: "a")
        try folder.write(Array("half".utf8), as: "a.partial-\(digits)")
        try folder.write(Array("mine".utf8), as: "a.partial-12345")
        try leave(folder, complete: false, [("a", "a.partial-\(digits)", "a.partial-\(other)", nil)])
        OutputStage.recover(besides: folder.path("any")) { XCTFail($0) }
        XCTAssertEqual(try text(folder), ["a old", "a.partial-12345 mine"])
    }

    /// At any step between the first change of a name and the last.
    func testACompleteRunIsFinished() throws {
        for step in 0..<4 {
            let folder = try TemporaryFolder()
            let names = ["a", "b"].map { (path: $0, temporary: "\($0).partial-\(digits)", spare: "\($0).partial-\(other)") }
            for name in names {
                try folder.write(Array("old".utf8), as: name.path)
                try folder.write(Array("new".utf8), as: name.temporary)
            }
            try leave(folder, complete: true, names.map { ($0.path, $0.temporary, $0.spare, inode(folder.path($0.temporary))) })
            func move(_ from: String, _ to: String) { XCTAssertEqual(rename(folder.path(from), folder.path(to)), 0) }
            if step > 0 { move(names[0].path, names[0].spare) }
            if step > 1 {
                move(names[1].path, names[1].spare)
                move(names[1].temporary, names[1].path)
                move(names[1].spare, names[1].temporary)
            }
            if step > 2 { move(names[0].temporary, names[0].path) }
            var said: [String] = []
            OutputStage.recover(besides: folder.path("any")) { said.append($0) }
            XCTAssertEqual(try text(folder), ["a new", "b new"], "step \(step)")
            XCTAssertEqual(said.count, [2, 2, 1, 0][step], "\(said)")
        }
    }

    /// A journal says nothing of names that no run gives.
    func testHostileJournals() throws {
        let folder = try TemporaryFolder()
        let before = ["precious mine"]
        let outside = folder.path + "/../" + (folder.path.split(separator: "/").last.map(String.init) ?? "") + "/precious"
        for (path, temporary) in [
            ("a", "precious"), ("precious", "precious"), ("a", "../precious"), ("a", outside), ("a", "a.partial-"), ("", "precious"),
        ] {
            try folder.write(Array("mine".utf8), as: "precious")
            for complete in [false, true] {
                try leave(folder, complete: complete, [(path, temporary, temporary, inode(folder.path("precious")))])
                OutputStage.recover(besides: folder.path("any")) { _ in }
                XCTAssertEqual(try text(folder).filter { !$0.hasPrefix(".caplet-") }, before, "\(path) \(temporary)")
            }
        }
        for text in ["", "{", "null\n", String(repeating: "[", count: 100_000)] {
            try folder.write(Array(text.utf8), as: ".caplet-0123456789abcdef.journal")
            OutputStage.recover(besides: folder.path("any")) { _ in }
            XCTAssertEqual(try self.text(folder).filter { !$0.hasPrefix(".caplet-") }, before)
        }
    }
}
