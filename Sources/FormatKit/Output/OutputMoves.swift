import CFileSystem
import CLibrary

/// A change of name.
struct OutputMove {
    let from: String
    let to: String
    /// A free name beside `to`, for file systems that cannot exchange two names in one step.
    let spare: String
    let kind: caplet_move_kind

    init(_ from: String, to: String, spare: String, _ kind: caplet_move_kind) {
        (self.from, self.to, self.spare, self.kind) = (from, to, spare, kind)
    }
}

/// Several changes of names, all of them or none, which are made even if this process is killed meanwhile.
enum OutputMoves {
    /// - Returns: the move that failed, with errno; nil when all were made.
    static func make(_ moves: [OutputMove]) -> (move: OutputMove, code: Int32)? {
        let names: [UnsafeMutablePointer<CChar>?] = moves.flatMap { [strdup($0.from), strdup($0.to), strdup($0.spare)] }
        defer { for name in names { free(name) } }
        let list = moves.enumerated().map { index, move in
            let (from, to, spare) = (names[3 * index], names[3 * index + 1], names[3 * index + 2])
            return caplet_move(
                from: from.map { UnsafePointer($0) }, to: to.map { UnsafePointer($0) }, spare: spare.map { UnsafePointer($0) },
                kind: move.kind)
        }
        var failed = 0
        let code = caplet_move_all(list, list.count, &failed)
        return code == 0 ? nil : (moves[failed], code)
    }
}
