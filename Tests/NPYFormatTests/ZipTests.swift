import FormatKit
import ModelGraph
import TestSupport
import XCTest
import ZipContainer

@testable import NPYFormat

final class ZipTests: XCTestCase {
    /// With a low threshold small archives have every zip64 record that large ones do.
    func testWideRecords() throws {
        let folder = try TemporaryFolder()
        let members = [("a.txt", Array("first".utf8)), ("ü.bin", SampleGraph.bytes(200, seed: 4)), ("empty", [])]
        let zip = ZipLayout(members.map { ($0.0, $0.1.count) }, wideFrom: 3)
        var bytes: [UInt8] = []
        let checksums = members.map { $0.1.withUnsafeBytes { ZipChecksum.of($0) } }
        for (index, member) in members.enumerated() {
            bytes += zip.localHeader(index, checksum: checksums[index])
            XCTAssertEqual(bytes.count % ZipLayout.alignment, 0, member.0)
            bytes += member.1
        }
        bytes += zip.directory(checksums: checksums)
        XCTAssertEqual(bytes.count, zip.byteCount)
        let path = try folder.write(bytes, as: "wide.zip")
        let archive = try bytes.withUnsafeBytes { try ZipArchive($0, path: path) }
        XCTAssertEqual(archive.members.map(\.name), members.map(\.0))
        let file = try MappedFile(path: path)
        for (member, expected) in zip2(archive.members, members) {
            XCTAssertEqual(try ZipMemberBytes(file, member, skipping: 0, path: path).withUnsafeBytes { Array($0) }, expected.1)
        }
        let text = try PythonProcess.run(
            """
            import sys, zipfile
            z = zipfile.ZipFile(sys.argv[1]); assert z.testzip() is None
            print([(i.filename, i.file_size) for i in z.infolist()])
            """, [path])
        XCTAssertEqual(text, "[('a.txt', 5), ('ü.bin', 200), ('empty', 0)]\n")
    }

    func testDeflatedMembersComeInPieces() throws {
        let folder = try TemporaryFolder()
        try PythonProcess.run(
            """
            import sys, struct, zipfile
            out = sys.argv[1] + '/'
            data = bytes((i * i >> 7) & 255 for i in range(2_500_001))
            with zipfile.ZipFile(out + 'good.zip', 'w', zipfile.ZIP_DEFLATED) as z: z.writestr('a', data); z.writestr('none', b'')
            open(out + 'a', 'wb').write(data)
            good = bytearray(open(out + 'good.zip', 'rb').read())
            entry = good.find(b'PK\\1\\2')
            for name, at, change in ('sum', 16, 1), ('short', 24, -1), ('long', 24, 1):
                d = bytearray(good); value, = struct.unpack_from('<I', d, entry + at)
                struct.pack_into('<I', d, entry + at, value + change); open(out + name + '.zip', 'wb').write(d)
            """, [folder.path])
        let data = try MappedFile(path: folder.path("a")).withBytes { Array($0) }
        func read(_ name: String, skipping skipped: Int = 0) throws -> (bytes: [UInt8], pieces: Int) {
            let file = try MappedFile(path: folder.path(name))
            let archive = try file.withBytes { try ZipArchive($0, path: name) }
            let member = ZipMemberBytes(file, archive.members[0], skipping: skipped, path: name)
            XCTAssertLessThanOrEqual(member.pieceByteCount, 1 << 20)
            var (bytes, pieces): ([UInt8], Int) = ([], 0)
            try member.forEachPiece { (bytes, pieces) = (bytes + $0, pieces + 1) }
            XCTAssertEqual(bytes, try member.withUnsafeBytes { Array($0) })
            return (bytes, pieces)
        }
        for skipped in [0, 1, 128, 2_000_000, data.count] {
            let (bytes, pieces) = try read("good.zip", skipping: skipped)
            XCTAssertEqual(bytes, Array(data[skipped...]))
            if skipped == 0 { XCTAssertGreaterThan(pieces, 1) }
        }
        for (name, reason) in [
            ("sum", "does not match its checksum"), ("short", "inflates to other than"), ("long", "inflates to other than"),
        ] {
            XCTAssertThrowsError(try read("\(name).zip")) { XCTAssertTrue("\($0)".contains(reason), "\($0)") }
        }
    }

    private func zip2<A, B>(_ a: [A], _ b: [B]) -> [(A, B)] { Array(Swift.zip(a, b)) }

    /// Archives that zipfile can be made to write and that no reader should believe.
    func testHostileArchives() throws {
        let folder = try TemporaryFolder()
        try PythonProcess.run(
            """
            import sys, struct, zipfile, io, warnings, numpy as np
            warnings.simplefilter('ignore')
            out = sys.argv[1] + '/'
            b = io.BytesIO(); np.save(b, np.arange(6, dtype=np.float32)); npy = b.getvalue()
            def make(name, *entries, method=zipfile.ZIP_STORED):
                with zipfile.ZipFile(out + name, 'w', method) as z:
                    for n, d in entries: z.writestr(n, d)
                return bytearray(open(out + name, 'rb').read())
            make('twice.npz', ('a.npy', npy), ('a.npy', npy))
            make('parent.npz', ('../a.npy', npy)); make('root.npz', ('/a.npy', npy)); make('lzma.npz', ('a.npy', npy), method=14)
            def patch(name, base, at, fmt, value):
                d = bytearray(base); struct.pack_into(fmt, d, at, value); open(out + name, 'wb').write(d)
            good = make('good.npz', ('a.npy', npy), ('b.npy', npy))
            d = good.find(b'PK\\1\\2'); e = good.rfind(b'PK\\5\\6'); d2 = good.find(b'PK\\1\\2', d + 4)
            patch('size.npz', good, d + 24, '<I', 10**9); patch('stored.npz', good, d + 20, '<I', 10**6)
            patch('overlap.npz', good, d2 + 42, '<I', 0); patch('encrypted.npz', good, d + 8, '<H', 1)
            patch('offset.npz', good, d + 42, '<I', 2**31); patch('many.npz', good, e + 10, '<H', 60000)
            patch('directory.npz', good, e + 16, '<I', 2**31); patch('wide.npz', good, e + 16, '<I', 2**32 - 1)
            patch('crc.npz', good, d + 16, '<I', 1)
            small = make('deflated.npz', ('a.npy', npy), method=8); d = small.find(b'PK\\1\\2')
            patch('bomb.npz', small, d + 24, '<I', 2**31); patch('long.npz', small, d + 24, '<I', len(npy) + 4)
            """, [folder.path])
        let format = NPYFormat()
        for name in try folder.files().map(\.name) where !["good.npz", "deflated.npz"].contains(name) {
            XCTAssertThrowsError(try read(format, folder.path(name)), name) { error in
                XCTAssertTrue(error is FormatError, "\(name): \(error)")
            }
        }
        XCTAssertEqual(try read(format, folder.path("deflated.npz")), [0, 1, 2, 3, 4, 5])
        XCTAssertEqual(try read(format, folder.path("good.npz")), [0, 1, 2, 3, 4, 5])
    }

    private func read(_ format: NPYFormat, _ path: String) throws -> [Float] {
        let graph = try format.read(path, ReadContext())
        return try graph.tensors.map { try $0.payload.densifiedFloats() }.first ?? []
    }
}
