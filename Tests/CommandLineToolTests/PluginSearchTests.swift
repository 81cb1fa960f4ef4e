import Foundation
import TestSupport
import XCTest

/// Where plugins are looked for, and where they never are.
final class PluginSearchTests: XCTestCase {
    private func formats(_ path: String?, in folder: String) throws -> CapletProcess {
        let setting = path.map { "CAPLET_PLUGIN_PATH='\($0)' " } ?? "env -u CAPLET_PLUGIN_PATH "
        return try CapletProcess.shell("\(setting)caplet formats", in: folder)
    }

    func testFoldersOfTheVariable() throws {
        let (folder, other) = (try TemporaryFolder(), try TemporaryFolder())
        try FaultyPlugin.make(nil, in: folder.path)
        try folder.write(Array("no library".utf8), as: "notes.txt")
        try folder.write(Array("no library".utf8), as: ".hidden.so")
        let listed = try formats("\(other.path):\(folder.path)", in: other.path)
        XCTAssertEqual(listed.status, 0, listed.errors)
        XCTAssertTrue(listed.output.contains("\(folder.path)/faulty.so"), listed.output)
        let refused: [(String, Int32, String)] = [
            ("plugins", 64, "entry 1, 'plugins', is no absolute path"), (".", 64, "entry 1, '.', is no absolute path"),
            ("\(folder.path):", 64, "entry 2, '', is no absolute path"), (":\(folder.path)", 64, "entry 1, '', is no absolute path"),
            ("\(folder.path)/missing", 66, "missing: No such file or directory"),
        ]
        for (path, status, text) in refused {
            let result = try formats(path, in: folder.path)
            XCTAssertEqual(result.status, status, "\(path): \(result.errors)")
            XCTAssertTrue(result.errors.contains(text), "\(path): \(result.errors)")
        }
        // A file that is named and found is one plugin.
        let both = try CapletProcess.shell(
            "CAPLET_PLUGIN_PATH='\(folder.path)' caplet passes --plugin ./faulty.so --json", in: folder.path)
        XCTAssertEqual(both.status, 0, both.errors)
        XCTAssertEqual(both.output.components(separatedBy: "\"name\":\"faulty\"").count, 2, both.output)
    }

    /// Not from the current folder, not from inside a model, whatever the name.
    func testNothingIsLoadedUnasked() throws {
        let folder = try CheckpointFolder()
        for name in ["faulty.so", "tiny/faulty.so", "tiny/libcaplet_plugin.so"] { try FaultyPlugin.make(nil, as: name, in: folder.path) }
        for line in ["caplet formats", "cd tiny && caplet formats", "cd tiny && caplet passes", "LD_LIBRARY_PATH=. caplet passes"] {
            let result = try CapletProcess.shell("unset CAPLET_PLUGIN_PATH; \(line)", in: folder.path)
            XCTAssertEqual(result.status, 0, result.errors)
            XCTAssertFalse(result.output.contains("faulty"), result.output)
        }
    }
}
