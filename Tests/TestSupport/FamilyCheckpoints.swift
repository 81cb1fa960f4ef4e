import Foundation

/// Small random checkpoints of every family, made by transformers, with what it computes of them (Tests/Environment/make_families.py).
public enum FamilyCheckpoints {
    /// A folder with a checkpoint for each name, and its results beside it; made once a process, and removed when it ends.
    public static func folder(_ names: [String]) throws -> TemporaryFolder {
        let folder = try TemporaryFolder()
        let script = "import runpy, sys; sys.argv = sys.argv[1:]; runpy.run_path(sys.argv[0], run_name='__main__')"
        try PythonProcess.run(
            script,
            [Repository.path("Tests/Environment/make_families.py"), folder.path, Repository.path("Tests/Fixtures/tokenizers")] + names)
        return folder
    }

    /// Floats of a file that numpy wrote.
    public static func floats(_ path: String) throws -> [Float] {
        try TemporaryFolder.bytes(of: path).withUnsafeBytes { Array($0.bindMemory(to: Float.self)) }
    }

    /// The ids of which NAME.logits are the logits.
    public static func tokens(vocabulary: Int) -> [Int32] { (0..<29).map { Int32(($0 * 37 + 11) % vocabulary) } }

    /// The ids over which NAME.divergence is taken.
    public static func rows(vocabulary: Int) -> [[Int32]] {
        [(0..<23).map { Int32(($0 * 41 + 5) % vocabulary) }, (0..<14).map { Int32(($0 * 13 + 2) % vocabulary) }]
    }
}
