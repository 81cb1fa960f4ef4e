import FormatKit
import ModelGraph
import TestSupport
import XCTest

@testable import PyTorchFormat

/// Errors that no pickler of Python makes: counts, limits and files before torch 1.6, laid byte by byte.
final class CheckpointErrorTests: XCTestCase {
    private func text(_ text: String) -> [UInt8] {
        withUnsafeBytes(of: UInt32(text.utf8.count).littleEndian) { [0x58] + Array($0) } + Array(text.utf8)
    }

    private func pickle(_ parts: [UInt8]...) -> [UInt8] { [0x80, 2] + parts.flatMap { $0 } + [0x2E] }

    /// A persistent id of floats with `count` and what follows it.
    private func storage(_ count: [UInt8], _ rest: [UInt8] = []) -> [UInt8] {
        let type: [UInt8] = Array("ctorch\nFloatStorage\n".utf8)
        return [[0x28], text("storage"), type, text("0"), text("cpu"), count, rest, [0x74, 0x51]].flatMap { $0 }
    }

    private func error(_ pickle: [UInt8], line: UInt = #line) -> String {
        do {
            try pickle.withUnsafeBytes { raw in
                var machine = PickleMachine(ByteReader(raw, path: "m"), object: "p")
                let root = try machine.run()
                _ = try CheckpointContents(Bare(root: root, heap: machine.heap), path: "m", fileName: "m.pt")
            }
            XCTFail("no error", line: line)
            return ""
        } catch { return "\(error)" }
    }

    private struct Bare: Checkpoint {
        let root: PickleValue
        let heap: PickleHeap

        func storage(_ record: StorageRecord, object: String) throws -> any ByteSource { OwnedBytes([]) }
    }

    func testStorages() {
        let huge: [UInt8] = [0x8A, 8, 0, 0, 0, 0, 0, 0, 0, 0x40]
        XCTAssertTrue(error(pickle(storage(huge))).hasSuffix("a storage of 4611686018427387904 elements"))
        XCTAssertTrue(
            error(pickle(storage([0x8A, 9] + [UInt8](repeating: 1, count: 9)))).hasSuffix("a persistent id that names no storage"))
        XCTAssertTrue(error(pickle(storage([0x8A, 1, 0xFF]))).hasSuffix("a persistent id that names no storage"))
        let view: [UInt8] = [0x28, 0x4B, 1, 0x74]
        XCTAssertTrue(error(pickle(storage([0x4B, 4], view))).hasSuffix("a storage that is a view of another"))
    }

    func testLimitsOfTensorsAndNames() {
        let function = Array("ctorch._utils\n_rebuild_tensor_v2\nq".utf8) + [0]
        let view: [UInt8] = [0x4B, 0, 0x29, 0x29, 0x89, 0x4E, 0x74, 0x71, 1, 0x52, 0x30]
        let arguments = [[0x28], storage([0x4B, 4]), view].flatMap { $0 }
        let again: [UInt8] = (0...PickleMachine.maximumTensors).flatMap { _ in [0x68, 0, 0x68, 1, 0x52, 0x30] as [UInt8] }
        XCTAssertTrue(error(pickle(function, arguments, again)).hasSuffix("over 262144 tensors"))
        let one: [UInt8] = [0x4B, 1]
        let members: [UInt8] = (0..<1200).flatMap { text("\($0)") + one }
        let open: [UInt8] = [0x7D, 0x28]
        let close: [UInt8] = [0x75, 0x75]
        let named = [open, text(String(repeating: "n", count: 60_000)), open, members, close].flatMap { $0 }
        XCTAssertEqual(error(pickle(named)), "m: has names of over 67108864 bytes together")
        XCTAssertEqual(error(pickle([0x4E])), "m: holds no tensors: its pickle is neither a dictionary nor a tensor")
    }

    func testFilesBeforeTorch16() throws {
        let folder = try TemporaryFolder()
        func legacy(
            version: [UInt8] = [0x4D, 0xE9, 3], system: [UInt8] = [0x7D], object: [UInt8] = [0x7D], keys: [UInt8] = [0x5D]
        ) throws -> String {
            let bytes = [0x80, 2] + LegacyCheckpoint.magic + pickle(version) + pickle(system) + pickle(object) + pickle(keys)
            let path = try folder.write(bytes, as: "m.bin")
            do {
                _ = try PyTorchFormat().read(path, ReadContext())
                return ""
            } catch { return "\(error)".replacingOccurrences(of: path, with: "m") }
        }
        XCTAssertEqual(try legacy(), "")
        XCTAssertEqual(try legacy(version: [0x4B, 1]), "m: is of another version than 1001 of the form before torch 1.6")
        XCTAssertEqual(try legacy(system: [0x4E]), "m: does not describe its system")
        XCTAssertEqual(try legacy(system: [0x7D] + text("little_endian") + [0x89, 0x73]), "m: has big-endian storages; little can be read")
        XCTAssertEqual(try legacy(keys: [0x4E]), "m: does not list its storages")
        XCTAssertEqual(try legacy(keys: [0x5D, 0x4E, 0x61]), "m: does not list its storages")
        XCTAssertEqual(try legacy(keys: [0x5D] + text("0") + [0x61]), "m: storage '0': is listed twice, or without being used")
        let rebuild: [UInt8] = Array("ctorch._utils\n_rebuild_tensor_v2\n(".utf8)
        let view: [UInt8] = [0x4B, 0, 0x29, 0x29, 0x89, 0x4E, 0x74, 0x52, 0x73]
        let tensor = [[0x7D], text("a"), rebuild, storage([0x4B, 4]), view].flatMap { $0 }
        XCTAssertEqual(try legacy(object: tensor), "m: tensor 'a': lies in storage '0', which the file does not have")
        XCTAssertTrue(try legacy(object: tensor, keys: [0x5D] + text("0") + [0x61]).hasPrefix("m: storage '0': needs 8 bytes at offset"))
    }
}
