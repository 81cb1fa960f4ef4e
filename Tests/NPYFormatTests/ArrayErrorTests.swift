import FormatKit
import ModelGraph
import TestSupport
import XCTest
import ZipContainer

@testable import NPYFormat

/// Each error that an array or an archive can give, word for word.
final class ArrayErrorTests: XCTestCase {
    private func message(_ body: () throws -> Void, line: UInt = #line) -> String {
        do {
            try body()
            XCTFail("no error", line: line)
            return ""
        } catch { return "\(error)" }
    }

    private func header(_ bytes: [UInt8], line: UInt = #line) -> String {
        message({ _ = try bytes.withUnsafeBytes { try NPYHeader($0, path: "a", object: "") } }, line: line)
    }

    private func header(_ text: String, line: UInt = #line) -> String {
        let length = text.utf8.count
        return header(NPYHeader.magic + [1, 0, UInt8(length & 255), UInt8(length >> 8)] + Array(text.utf8), line: line)
    }

    func testPreambles() {
        XCTAssertEqual(header([1, 2]), "a: needs 6 bytes at offset 0, 2 are left")
        XCTAssertEqual(header(Array("notnumpyatall".utf8)), "a: does not begin with the bytes of an .npy array")
        XCTAssertEqual(header(NPYHeader.magic + [4, 0, 0, 0]), "a: is .npy version 4.0; 1.0, 2.0 and 3.0 can be read")
        XCTAssertEqual(header(NPYHeader.magic + [1, 1, 0, 0]), "a: is .npy version 1.1; 1.0, 2.0 and 3.0 can be read")
        XCTAssertEqual(header(NPYHeader.magic + [1, 0, 9, 0]), "a: has a header of 19 bytes, 10 are there")
        XCTAssertEqual(header(NPYHeader.magic + [2, 0, 1, 0, 16, 0]), "a: has a header of 1048577 bytes; 1048576 are allowed")
        XCTAssertEqual(header(NPYHeader.magic + [1, 0, 1, 0, 0xFF]), "a: has a header that is not UTF-8")
    }

    func testLiterals() {
        func literal(descr: String = "'<f4'", order: String = "False", shape: String = "(1,)", end: String = "", line: UInt = #line)
            -> String
        {
            header("{'descr': \(descr), 'fortran_order': \(order), 'shape': \(shape), }\(end)", line: line)
        }
        XCTAssertEqual(literal(descr: "[('a', '<f4')]"), "a: has a structured dtype, which cannot be carried")
        XCTAssertEqual(literal(descr: "'|O'"), "a: has Python objects, which are never loaded")
        XCTAssertEqual(literal(descr: "'<U4'"), "a: has dtype '<U4', which cannot be carried")
        XCTAssertEqual(literal(order: "0"), "a: has no True or False where one belongs in its header")
        XCTAssertEqual(literal(shape: "(x,)"), "a: has a dimension that is no count in its header")
        XCTAssertEqual(literal(shape: "(1,1,1,1,1,1,1,1,1)"), "a: has more than 8 dimensions in its header")
        XCTAssertEqual(literal(shape: "(4294967296, 4294967296)"), "a: has a shape of more than 8 dimensions or too many elements")
        XCTAssertEqual(literal(shape: "(4611686018427387904,)"), "a: has a shape of too many bytes")
        XCTAssertEqual(literal(end: " x"), "a: has something after the dictionary in its header")
        XCTAssertEqual(header("{'descr': '<f4'}"), "a: has no descr, fortran_order or shape in its header")
        XCTAssertEqual(header("{'x': 1}"), "a: has the key 'x' twice or unknown in its header")
        XCTAssertEqual(header("{'descr': '<f4', 'descr': 1}"), "a: has the key 'descr' twice or unknown in its header")
        XCTAssertEqual(header("{1}"), "a: has no string where one belongs in its header")
        XCTAssertEqual(header("{'descr"), "a: has a string without an end in its header")
        XCTAssertEqual(header("{'d\\\\': 1}"), "a: has an escape in its header")
        XCTAssertEqual(header("()"), "a: has no '{' where one belongs in its header")
        XCTAssertEqual(header("{'descr' '<f4'}"), "a: has no ':' where one belongs in its header")
    }

    func testFiles() throws {
        let folder = try TemporaryFolder()
        let array = NPYHeader.bytes(descr: "<f4", shape: Shape(count: 2)) + [UInt8](repeating: 0, count: 4)
        let path = try folder.write(array, as: "a.npy")
        XCTAssertEqual(message { _ = try NPYFormat().read(path, ReadContext()) }, "\(path): F32 [2] needs 8 bytes, the file has 4")
        try folder.write(Array(#"{"version":1,"tensors":[["z","F32"]]}"#.utf8), as: "caplet.json")
        XCTAssertEqual(
            message { _ = try NPYFormat().read(folder.path, ReadContext()) },
            "\(folder.path): tensor 'z': is listed in caplet.json and has no file")
        try folder.write(Array(#"{"version":1,"tensors":[["a","F16"]]}"#.utf8), as: "caplet.json")
        try folder.write(array + [0, 0, 0, 0], as: "a.npy")
        XCTAssertEqual(
            message { _ = try NPYFormat().read(folder.path, ReadContext()) },
            "\(folder.path): tensor 'a': is F16 by caplet.json and F32 by its array")
        let two = try SampleGraph.graph([SampleGraph.tensor("a", .f32, [1]), SampleGraph.tensor("b", .f32, [1])])
        var options = WriteOptions()
        options.outputPath = "x.npy"
        XCTAssertEqual(
            message { _ = try NPYFormat().plan(two, options) }, "x.npy: an .npy file holds one tensor, the model has 2; write an .npz")
        options.outputPath = "x.npz"
        let parent = try SampleGraph.graph([SampleGraph.tensor("../a", .f32, [1])])
        XCTAssertEqual(
            message { _ = try NPYFormat().plan(parent, options) }, "x.npz: tensor '../a': has a name that no archive member can have")
        options.outputPath = "x"
        let long = try SampleGraph.graph([SampleGraph.tensor(String(repeating: "n", count: 300), .f32, [1])])
        XCTAssertTrue(
            message { _ = try NPYFormat().plan(long, options) }.hasSuffix("has a name that is too long for a file; write an .npz"))
    }

    // MARK: - Archives

    /// Two stored members, `a` and `b`, of four bytes each.
    private func archive(wideFrom: Int = 0xFFFF_FFFF) -> (bytes: [UInt8], directory: Int) {
        let zip = ZipLayout([("a", 4), ("b", 4)], wideFrom: wideFrom)
        let data: [UInt8] = [1, 2, 3, 4]
        let checksum = data.withUnsafeBytes { ZipChecksum.of($0) }
        let members = zip.localHeader(0, checksum: checksum) + data + zip.localHeader(1, checksum: checksum) + data
        return (members + zip.directory(checksums: [checksum, checksum]), members.count)
    }

    private func patched(_ bytes: [UInt8], _ changes: [(at: Int, value: [UInt8])]) -> [UInt8] {
        var bytes = bytes
        for change in changes { bytes.replaceSubrange(change.at..<change.at + change.value.count, with: change.value) }
        return bytes
    }

    private func zip(_ bytes: [UInt8], line: UInt = #line) -> String {
        message({ _ = try bytes.withUnsafeBytes { try ZipArchive($0, path: "z") } }, line: line)
    }

    func testDirectories() throws {
        let (good, start) = archive()
        let end = good.count - 22
        let second = start + 47
        XCTAssertNoThrow(try good.withUnsafeBytes { try ZipArchive($0, path: "z") })
        XCTAssertEqual(zip([]), "z: has no end of a zip directory: it is cut short or no archive")
        XCTAssertEqual(zip(Array(good.dropLast())), "z: has no end of a zip directory: it is cut short or no archive")
        XCTAssertEqual(zip(patched(good, [(end + 4, [1])])), "z: end of directory: says that the archive is on several disks")
        XCTAssertEqual(zip(patched(good, [(end + 8, [1])])), "z: end of directory: says that the archive is on several disks")
        XCTAssertEqual(
            zip(patched(good, [(end + 16, [1])])),
            "z: end of directory: puts the directory at \(start & ~255 | 1) with 94 bytes; it should end at \(end)")
        XCTAssertEqual(zip(patched(good, [(end + 8, [9, 0, 9, 0])])), "z: end of directory: claims 9 members in a directory of 94 bytes")
        XCTAssertEqual(zip(patched(good, [(end + 8, [1, 0, 1, 0])])), "z: directory: has 47 bytes too many")
        XCTAssertEqual(zip(patched(good, [(second, [0])])), "z: directory: has no entry at offset \(second)")
        XCTAssertEqual(zip(patched(good, [(second + 46, [0x61])])), "z: member 'a': is in the directory twice")
        XCTAssertEqual(zip(patched(good, [(start + 46, [0x2F])])), "z: directory: has a member with the name '/'")
        XCTAssertEqual(zip(patched(good, [(start + 46, [0xFF])])), "z: directory, a member's name: is not valid UTF-8")
        XCTAssertEqual(zip(patched(good, [(start + 8, [1])])), "z: member 'a': is encrypted")
        XCTAssertEqual(zip(patched(good, [(start + 34, [1])])), "z: member 'a': is on another disk")
        XCTAssertEqual(
            zip(patched(good, [(start + 10, [14])])), "z: member 'a': is compressed by method 14; stored and deflated can be read")
        XCTAssertEqual(zip(patched(good, [(start + 24, [5])])), "z: member 'a': claims 5 bytes from 4 stored ones")
        XCTAssertEqual(
            zip(patched(good, [(start + 10, [8]), (start + 24, [0xFF, 0xFF])])), "z: member 'a': claims 65535 bytes from 4 stored ones")
        XCTAssertEqual(zip(patched(good, [(start + 42, [0, 0, 0, 1])])), "z: member 'a': begins beyond the directory")
        XCTAssertEqual(zip(patched(good, [(start + 42, [4])])), "z: member 'a': has no header at offset 4")
        XCTAssertEqual(zip(patched(good, [(30, [0x62])])), "z: member 'a': has another name in its own header")
        XCTAssertEqual(zip(patched(good, [(start + 20, [60, 0, 0, 0, 60])])), "z: member 'b': overlaps another")
    }

    func testWideRecords() throws {
        let (good, _) = archive(wideFrom: 1)
        XCTAssertNoThrow(try good.withUnsafeBytes { try ZipArchive($0, path: "z") })
        let (locator, record) = (good.count - 42, good.count - 98)
        XCTAssertEqual(
            zip(patched(good, [(locator + 8, [UInt8](repeating: 0xFF, count: 8))])),
            "z: end of directory: 18446744073709551615 does not fit in 63 bits")
        XCTAssertEqual(zip(patched(good, [(record, [0])])), "z: end of directory: points to no zip64 record")
        XCTAssertEqual(
            zip(patched(good, [(good.count - 14, [3, 0, 3, 0])])), "z: end of directory: says 3, and its zip64 record 2")
    }

    func testContents() throws {
        let folder = try TemporaryFolder()
        let (good, start) = archive()
        func content(_ bytes: [UInt8]) throws -> String {
            let path = try folder.write(bytes, as: "z.zip")
            let file = try MappedFile(path: path)
            let archive = try file.withBytes { try ZipArchive($0, path: "z") }
            return message { try ZipMemberBytes(file, archive.members[0], path: "z").withUnsafeBytes { _ in } }
        }
        XCTAssertEqual(try content(patched(good, [(start + 16, [0])])), "z: member 'a': does not match its checksum")
        XCTAssertEqual(try content(patched(good, [(start + 10, [8])])), "z: member 'a': inflates to other than the 4 bytes it claims")
        // An archive whose member is no whole array, and one whose array does not fill its member.
        let array = NPYHeader.bytes(descr: "<f4", shape: Shape(count: 2)) + [0, 0, 0, 0]
        let zip = ZipLayout([("a.npy", array.count)])
        let checksum = array.withUnsafeBytes { ZipChecksum.of($0) }
        let path = try folder.write(zip.localHeader(0, checksum: checksum) + array + zip.directory(checksums: [checksum]), as: "short.npz")
        XCTAssertEqual(
            message { _ = try NPYFormat().read(path, ReadContext()) }, "\(path): member 'a.npy': F32 [2] needs 8 bytes, the member has 4")
    }
}
