import CFileSystem
import CLibrary

extension OutputRecord {
    /// Names other than the outputs' own under which something is there.
    var leftovers: [String] {
        entries.flatMap { [$0.output.temporaryPath, $0.output.sparePath] }.filter { OutputRecord.inode($0) != nil }
    }

    /// Finishes a run whose contents are all complete, undoes any other; nothing but what the run made is removed.
    ///
    /// - Returns: a line for each output that was finished, and for each thing that is left all the same.
    func settle() -> [String] {
        var lines: [String] = []
        for entry in entries {
            if !isComplete {
                OutputRecord.undo(entry)
            } else if OutputRecord.finish(entry) {
                lines.append("\(entry.output.path): was complete when its run was cut off, and has its name now")
            }
        }
        for entry in entries { FolderSync.sync(folderOf: entry.output.path) }
        return lines + leftovers.map { "\($0): left by a run that was cut off, and cannot be taken away" }
    }

    /// Gives the new contents their path, unless they have it, and removes what they replaced.
    ///
    /// - Returns: whether they got it only now.
    private static func finish(_ entry: Entry) -> Bool {
        let output = entry.output
        var isPlaced = false
        if inode(output.path) != entry.inode, inode(output.temporaryPath) == entry.inode {
            // What was replaced may be aside already.
            let kind: caplet_move_kind = inode(output.path) == nil ? caplet_move_to_free_name : caplet_move_exchange
            guard OutputMoves.make([OutputMove(output.temporaryPath, to: output.path, spare: output.sparePath, kind)]) == nil else {
                return false
            }
            isPlaced = true
        }
        // Contents that have neither name were replaced by somebody else's meanwhile.
        for path in [output.temporaryPath, output.sparePath] where inode(path) != entry.inode { OutputRemoval.removeReplaced(path) }
        return isPlaced
    }

    private static func undo(_ entry: Entry) {
        let output = entry.output
        if inode(output.path) == nil, inode(output.sparePath) != nil { rename(output.sparePath, output.path) }
        OutputRemoval.removeUnfinished(output.temporaryPath)
        OutputRemoval.removeReplaced(output.sparePath)
    }

    private static func inode(_ path: String) -> UInt64? {
        var status = stat()
        return lstat(path, &status) == 0 ? UInt64(status.st_ino) : nil
    }
}

/// Removal of outputs, and of nothing else that may have come to lie in their folders.
enum OutputRemoval {
    /// Removes what is not complete: it has a name that only this program gives.
    static func removeUnfinished(_ path: String) {
        // What is complete is removed as such: an exchange may have put what was replaced here.
        if FolderManifest.isIn(path) { removeReplaced(path) } else { FolderRemoval.remove(path) }
    }

    /// Removes a file, or of a folder the files that its manifest lists, and the folder when no others are in it.
    static func removeReplaced(_ path: String) {
        var status = stat()
        guard lstat(path, &status) == 0 else { return }
        guard status.st_mode & S_IFMT == S_IFDIR else {
            unlink(path)
            return
        }
        if let manifest = try? FolderManifest(of: path) {
            for file in manifest.files where manifest.difference(of: file, in: path) == nil { unlink("\(path)/\(file.name)") }
            // Folders in it, where nothing else is in them.
            for file in manifest.files { if let slash = file.name.firstIndex(of: "/") { rmdir("\(path)/\(file.name[..<slash])") } }
            let names = (try? FolderListing.names(in: path)) ?? []
            if names == [FolderManifest.fileName] { unlink("\(path)/\(FolderManifest.fileName)") }
        }
        rmdir(path)
    }
}
