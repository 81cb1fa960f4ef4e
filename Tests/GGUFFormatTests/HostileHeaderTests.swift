import FormatKit
import TestSupport
import XCTest

@testable import GGUFFormat

/// Headers that no writer makes.
final class HostileHeaderTests: XCTestCase {
    private struct Builder {
        var bytes: [UInt8] = GGUFHeader.magic

        init(version: UInt32 = 3, tensors: UInt64 = 0, keys: UInt64 = 0) {
            put(version)
            put(tensors)
            put(keys)
        }

        mutating func put<Value: FixedWidthInteger>(_ value: Value) {
            withUnsafeBytes(of: value.littleEndian) { bytes.append(contentsOf: $0) }
        }

        func adding(_ body: (inout Builder) -> Void) -> [UInt8] {
            var copy = self
            body(&copy)
            return copy.bytes
        }

        mutating func text(_ text: String) {
            put(UInt64(text.utf8.count))
            bytes += text.utf8
        }

        mutating func tensor(_ name: String, _ dimensions: [UInt64], type: UInt32, offset: UInt64) {
            text(name)
            put(UInt32(dimensions.count))
            dimensions.forEach { put($0) }
            put(type)
            put(offset)
        }

        mutating func data(_ count: Int) {
            while bytes.count % 32 != 0 { bytes.append(0) }
            bytes += [UInt8](repeating: 0, count: count)
        }
    }

    private func expect(_ kind: FormatError.Kind, _ what: String, _ bytes: [UInt8], line: UInt = #line) throws {
        let folder = try TemporaryFolder()
        let path = try folder.write(bytes, as: "h.gguf")
        XCTAssertThrowsError(try GGUFFormat().read(path, ReadContext()), what, line: line) {
            XCTAssertEqual(($0 as? FormatError)?.kind, kind, "\(what): \($0)", line: line)
        }
    }

    func testCountsAndVersions() throws {
        try expect(.malformed, "no bytes", [])
        try expect(.malformed, "other magic", Array("GGML".utf8) + [UInt8](repeating: 0, count: 20))
        try expect(.unsupported, "version 1", Builder(version: 1).bytes)
        try expect(.unsupported, "big-endian version 1", Builder(version: UInt32(1).byteSwapped).bytes)
        try expect(.malformed, "big-endian counts", Builder(version: UInt32(3).byteSwapped, tensors: 1, keys: 1).bytes)
        try expect(.malformed, "2^63 tensors", Builder(tensors: 1 << 63).bytes)
        try expect(.malformed, "2^40 tensors", Builder(tensors: 1 << 40).bytes)
        try expect(.malformed, "2^40 keys", Builder(keys: 1 << 40).bytes)
    }

    func testMetadata() throws {
        let key = Builder(keys: 1)
        try expect(
            .malformed, "key length",
            key.adding {
                $0.put(UInt64.max); $0.data(64)
            })
        try expect(
            .malformed, "long key",
            key.adding {
                $0.put(UInt64(70_000)); $0.data(70_100)
            })
        try expect(
            .malformed, "unknown type",
            key.adding {
                $0.text("k"); $0.put(UInt32(13)); $0.data(64)
            })
        try expect(
            .malformed, "array of 2^62",
            key.adding {
                $0.text("k"); $0.put(UInt32(9)); $0.put(UInt32(0)); $0.put(UInt64(1) << 62); $0.data(64)
            })
        try expect(
            .malformed, "strings of 2^60",
            key.adding {
                $0.text("k"); $0.put(UInt32(9)); $0.put(UInt32(8)); $0.put(UInt64(1) << 60); $0.data(64)
            })
        try expect(
            .unsupported, "nested",
            key.adding {
                $0.text("k"); $0.put(UInt32(9)); $0.put(UInt32(9)); $0.put(UInt64(1)); $0.data(64)
            })
        try expect(
            .malformed, "string length",
            key.adding {
                $0.text("k"); $0.put(UInt32(8)); $0.put(UInt64(1) << 50); $0.data(64)
            })
        try expect(
            .malformed, "bool 2",
            key.adding {
                $0.text("k"); $0.put(UInt32(7)); $0.put(UInt8(2)); $0.data(64)
            })
        try expect(
            .malformed, "twice",
            Builder(keys: 2).adding {
                for _ in 0..<2 { $0.text("k"); $0.put(UInt32(0)); $0.put(UInt8(2)) }; $0.data(64)
            })
        for alignment: UInt32 in [0, 3, 4, 1 << 20] {
            try expect(
                .malformed, "alignment",
                key.adding {
                    $0.text("general.alignment"); $0.put(UInt32(4)); $0.put(alignment); $0.data(64)
                })
        }
        try expect(
            .malformed, "alignment's type",
            key.adding {
                $0.text("general.alignment"); $0.put(UInt32(8)); $0.text("32"); $0.data(64)
            })
    }

    func testTensors() throws {
        let one = Builder(tensors: 1), two = Builder(tensors: 2)
        try expect(
            .malformed, "five dimensions",
            one.adding {
                $0.tensor("t", [1, 1, 1, 1, 1], type: 0, offset: 0); $0.data(32)
            })
        try expect(
            .malformed, "product",
            one.adding {
                $0.tensor("t", [1 << 32, 1 << 32], type: 0, offset: 0); $0.data(32)
            })
        try expect(
            .malformed, "bytes",
            one.adding {
                $0.tensor("t", [1 << 61, 2], type: 0, offset: 0); $0.data(32)
            })
        try expect(
            .malformed, "dimension",
            one.adding {
                $0.tensor("t", [1 << 63], type: 0, offset: 0); $0.data(32)
            })
        try expect(
            .malformed, "half a block",
            one.adding {
                $0.tensor("t", [16, 2], type: 8, offset: 0); $0.data(64)
            })
        for type: UInt32 in [2, 3, 6, 7, 20, 39] {
            try expect(
                .malformed, "half a block of 32",
                one.adding {
                    $0.tensor("t", [16, 2], type: type, offset: 0); $0.data(64)
                })
        }
        for type: UInt32 in [10, 11, 12, 13, 14, 16, 17, 18, 19, 21, 22, 23, 29, 34, 35] {
            try expect(
                .malformed, "half a block of 256",
                one.adding {
                    $0.tensor("t", [128, 2], type: type, offset: 0); $0.data(256)
                })
            try expect(
                .malformed, "bytes of blocks",
                one.adding {
                    $0.tensor("t", [1 << 40, 1 << 22], type: type, offset: 0); $0.data(256)
                })
            try expect(
                .malformed, "a block short",
                one.adding {
                    $0.tensor("t", [256, 9], type: type, offset: 0); $0.data(256)
                })
        }
        try expect(
            .malformed, "half a block of 64",
            one.adding {
                $0.tensor("t", [32, 2], type: 40, offset: 0); $0.data(64)
            })
        try expect(
            .unsupported, "Q1_0",
            one.adding {
                $0.tensor("t", [256], type: 41, offset: 0); $0.data(160)
            })
        try expect(
            .unsupported, "Q8_K",
            one.adding {
                $0.tensor("t", [256], type: 15, offset: 0); $0.data(320)
            })
        try expect(
            .unsupported, "type 4",
            one.adding {
                $0.tensor("t", [32], type: 4, offset: 0); $0.data(160)
            })
        try expect(
            .malformed, "offset",
            one.adding {
                $0.tensor("t", [8], type: 0, offset: 32); $0.data(64)
            })
        try expect(
            .malformed, "short data",
            one.adding {
                $0.tensor("t", [9], type: 0, offset: 0); $0.data(32)
            })
        try expect(
            .malformed, "long data",
            one.adding {
                $0.tensor("t", [8], type: 0, offset: 0); $0.data(33)
            })
        try expect(
            .malformed, "same name",
            two.adding {
                $0.tensor("t", [8], type: 0, offset: 0); $0.tensor("t", [8], type: 0, offset: 32); $0.data(64)
            })
        try expect(
            .malformed, "overlap",
            two.adding {
                $0.tensor("t", [8], type: 0, offset: 0); $0.tensor("u", [8], type: 0, offset: 0); $0.data(64)
            })
        try expect(
            .malformed, "hole",
            two.adding {
                $0.tensor("t", [8], type: 0, offset: 0); $0.tensor("u", [8], type: 0, offset: 64); $0.data(96)
            })
        try expect(
            .malformed, "name",
            one.adding {
                $0.tensor(String(repeating: "n", count: 65), [8], type: 0, offset: 0); $0.data(32)
            })
    }
}
