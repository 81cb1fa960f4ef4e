import CFileSystem
import CLibrary
import ModelGraph

/// Outputs that appear together: made under temporary names, and given their own when all of them are complete.
///
/// Killed at any moment, it leaves what was there before or all that is new under the outputs' names; what is left under temporary names
/// is finished or taken away by the next run that writes into the folder.
public final class OutputStage {
    let outputs: [StagedOutput]
    private let journal: OutputJournal
    private var isSettled = false

    /// - Parameters:
    ///   - key: the path that the user gave the output, by which a later run knows it again.
    ///   - paths: of the files, or of the folder.
    /// - Throws: `FormatError.refused` for what may not be replaced, and while another run makes the output; `.writeFailed`.
    init(_ key: String, paths: [String], isFolder: Bool, force: Bool) throws {
        let key = PathParts.trimmed(key)
        guard FileName.isOne(PathParts(key).name) else { throw FormatError.refused(key, "is no name that can be given to an output") }
        outputs = paths.map { StagedOutput(path: $0, isFolder: isFolder, replaces: force) }
        journal = try OutputJournal.open(of: key) { _ in }
        do {
            for output in outputs { try OutputStage.check(output) }
            try journal.write(OutputRecord(outputs), durably: false)
        } catch {
            journal.remove()
            throw error
        }
    }

    deinit { discard() }

    /// Whether two paths are one place, whatever they look like: nothing need be there.
    public static func isSame(_ a: String, _ b: String) -> Bool {
        if let first = FileIdentity(path: a), first == FileIdentity(path: b) { return true }
        let (left, right) = (PathParts(a), PathParts(b))
        guard left.name == right.name, let folder = FileIdentity(path: left.folder) else { return false }
        return folder == FileIdentity(path: right.folder)
    }

    /// Finishes or undoes what runs that were cut off have left in the folder of a path.
    ///
    /// - Parameter note: is given a line for each thing that could not be taken away.
    public static func recover(besides path: String, note: (String) -> Void) {
        OutputJournal.recover(in: PathParts(path).folder, note: note)
    }

    /// Whether such an output may be written, and there is a place for it: known before the work, not after it.
    ///
    /// - Throws: `FormatError.refused`, `.writeFailed`; `FileAccessError` for a folder that cannot be looked into.
    public static func check(_ path: String, isFolder: Bool, force: Bool) throws {
        try OutputRules.check(path, isFolder: isFolder, force: force)
        // Permission bits do not tell all, so a file is made, without a name where that is possible.
        close(try UnnamedFile.open(beside: path, for: path))
    }

    private static func check(_ output: StagedOutput) throws {
        try OutputRules.check(output.path, isFolder: output.isFolder, force: output.replaces)
    }

    /// Gives the outputs of some stages their names, all of them or none.
    ///
    /// - Throws: `FormatError.refused`, `.writeFailed`. What was there before is there then.
    static func commit(_ stages: [OutputStage]) throws {
        let record: OutputRecord
        do {
            record = try complete(stages)
            try announce(record, stages)
            try place(record)
        } catch {
            for stage in stages { stage.discard() }
            throw error
        }
        for entry in record.entries {
            for path in [entry.output.temporaryPath, entry.output.sparePath] { OutputRemoval.removeReplaced(path) }
        }
        for stage in stages {
            stage.isSettled = true
            stage.journal.remove()
        }
    }

    /// What is to get its name, if it may have it.
    private static func complete(_ stages: [OutputStage]) throws -> OutputRecord {
        // Hours may have passed.
        for output in stages.flatMap(\.outputs) { try check(output) }
        var record = OutputRecord(stages.flatMap(\.outputs))
        for index in record.entries.indices {
            let output = record.entries[index].output
            keepPermissions(output)
            var status = stat()
            guard lstat(output.temporaryPath, &status) == 0 else {
                throw FormatError.writeFailed(output.path, AtomicFileWriter.reason())
            }
            record.entries[index].inode = UInt64(status.st_ino)
        }
        return record
    }

    private static func place(_ record: OutputRecord) throws {
        if let (move, code) = OutputMoves.make(moves(record.entries.map(\.output))) {
            let output = record.entries.map(\.output).first { [$0.path, $0.temporaryPath].contains(move.to) }
            throw FormatError.writeFailed(output?.path ?? move.to, "cannot be written: \(String(cString: strerror(code)))")
        }
        for folder in Set(record.entries.map { PathParts($0.output.path).folder }) { FolderSync.sync(folder) }
    }

    /// Puts on the disk, before any name changes, that all contents are complete. One name alone changes in one step.
    private static func announce(_ record: OutputRecord, _ stages: [OutputStage]) throws {
        guard let journal = stages.first?.journal, record.entries.count > 1 else { return }
        var record = record
        if stages.count > 1 {
            // One journal is to say it for all: two could say two things.
            try journal.write(record, durably: true)
            for stage in stages.dropFirst() { stage.journal.remove() }
        }
        record.isComplete = true
        try journal.write(record, durably: true)
    }

    /// The first output of several takes its name last and loses it first: whoever finds the first finds all others.
    private static func moves(_ outputs: [StagedOutput]) -> [OutputMove] {
        func placing(_ output: StagedOutput) -> OutputMove {
            var status = stat()
            // An empty folder may be replaced without being told to, a file not.
            let isFree = lstat(output.path, &status) != 0 || !(output.replaces || output.isFolder)
            let kind = isFree ? caplet_move_to_free_name : output.isFolder || outputs.count > 1 ? caplet_move_exchange : caplet_move_over
            return OutputMove(output.temporaryPath, to: output.path, spare: output.sparePath, kind)
        }
        guard outputs.count > 1, let first = outputs.first else { return outputs.map(placing) }
        var moves = outputs.dropFirst().map(placing)
        let last = placing(first)
        if last.kind == caplet_move_exchange {
            moves.insert(OutputMove(first.path, to: first.sparePath, spare: "", caplet_move_to_free_name), at: 0)
        }
        return moves + [OutputMove(last.from, to: last.to, spare: last.spare, caplet_move_to_free_name)]
    }

    /// Gives what is new the owner and the mode of what it replaces, as far as the system allows.
    private static func keepPermissions(_ output: StagedOutput) {
        func keep(_ old: String, _ new: String) {
            var (before, now) = (stat(), stat())
            guard lstat(old, &before) == 0, lstat(new, &now) == 0, before.st_mode & S_IFMT == now.st_mode & S_IFMT else { return }
            if before.st_uid != now.st_uid || before.st_gid != now.st_gid { _ = lchown(new, before.st_uid, before.st_gid) }
            if before.st_mode != now.st_mode { chmod(new, before.st_mode & 0o7777) }
        }
        keep(output.path, output.temporaryPath)
        guard output.isFolder else { return }
        for name in (try? FolderListing.names(in: output.temporaryPath)) ?? [] {
            keep("\(output.path)/\(name)", "\(output.temporaryPath)/\(name)")
        }
    }

    /// Removes what was made, unless it was committed.
    func discard() {
        if isSettled { return }
        isSettled = true
        for output in outputs { OutputRemoval.removeUnfinished(output.temporaryPath) }
        journal.remove()
    }
}
