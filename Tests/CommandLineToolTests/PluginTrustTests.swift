import Foundation
import TestSupport
import XCTest

/// Plugins that somebody else may change are not loaded.
final class PluginTrustTests: XCTestCase {
    private func expect(_ path: String, refusedFor reason: String?, in folder: TemporaryFolder, line: UInt = #line) throws {
        let result = try CapletProcess.run(["formats", "--plugin", path], in: folder.path)
        XCTAssertEqual(result.status, reason == nil ? 0 : 69, result.errors, line: line)
        if let reason {
            XCTAssertTrue(result.errors.hasPrefix("caplet: error: \(path): "), result.errors, line: line)
            XCTAssertTrue(result.errors.contains(reason), result.errors, line: line)
        }
    }

    private func change(_ line: String, in folder: TemporaryFolder) throws {
        let result = try CapletProcess.shell(line, in: folder.path)
        XCTAssertEqual(result.status, 0, result.errors)
    }

    func testModes() throws {
        let folder = try TemporaryFolder()
        try change("mkdir -p a/b other", in: folder)
        try FaultyPlugin.make(nil, as: "a/b/faulty.so", in: folder.path)
        let path = folder.path("a/b/faulty.so")
        try expect(path, refusedFor: nil, in: folder)
        let refused = [
            ("a/b/faulty.so", "666"), ("a/b", "777"), ("a/b", "1777"), ("a", "777"),
        ]
        for (place, mode) in refused {
            try change("chmod \(mode) \(place)", in: folder)
            try expect(path, refusedFor: "\(place): anybody may write to it", in: folder)
            try expect("a/b/../b/faulty.so", refusedFor: "\(place): anybody may write to it", in: folder)
            try change("chmod 755 \(place)", in: folder)
        }
        // As /tmp is: what is in it belongs to its owner.
        try change("chmod 1777 a", in: folder)
        try expect(path, refusedFor: nil, in: folder)
        // A link is as good as the folder that it is in, and as what it leads to.
        try change("ln -s ../a/b/faulty.so other/link.so", in: folder)
        try expect("other/link.so", refusedFor: nil, in: folder)
        try change("chmod 1777 other", in: folder)
        try expect("other/link.so", refusedFor: "/other: anybody may write to it", in: folder)
        try change("chmod 755 other; chmod 1777 a/b", in: folder)
        try expect("other/link.so", refusedFor: "a/b: anybody may write to it", in: folder)
        // So are the files of the folders that the variable names.
        let searched = try CapletProcess.shell("CAPLET_PLUGIN_PATH='\(folder.path("a/b"))' caplet formats", in: folder.path)
        XCTAssertEqual(searched.status, 69, searched.errors)
    }

    func testOwners() throws {
        try XCTSkipUnless(geteuid() == 0, "only root may give files away")
        let folder = try TemporaryFolder()
        try change("mkdir -p a/b", in: folder)
        try FaultyPlugin.make(nil, as: "a/b/faulty.so", in: folder.path)
        for place in ["a", "a/b", "a/b/faulty.so"] {
            try change("chown 65534 \(place)", in: folder)
            try expect("a/b/faulty.so", refusedFor: "\(place): user 65534 owns it; root or user 0 was expected", in: folder)
            try change("chown 0 \(place)", in: folder)
        }
        try expect("a/b/faulty.so", refusedFor: nil, in: folder)
    }
}
