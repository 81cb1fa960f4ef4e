import Foundation
import TestSupport
import XCTest

/// Nothing lost, nothing half done: what goes wrong says so with the status that belongs to it, and leaves nothing behind.
final class NothingLostTests: XCTestCase {
    /// Runs a line of bash that must fail, and checks that no file was made or changed.
    private func expectFailure(
        _ line: String, _ status: Int32, saying fragments: String..., in folder: CheckpointFolder, file: StaticString = #filePath,
        at sourceLine: UInt = #line
    ) throws {
        let before = try folder.listing()
        let result = try CapletProcess.shell(line, in: folder.path)
        XCTAssertEqual(result.status, status, "\(line): \(result.errors)", file: file, line: sourceLine)
        XCTAssertEqual(result.output, "", "\(line): a result was printed", file: file, line: sourceLine)
        for fragment in fragments {
            XCTAssertTrue(result.errors.contains(fragment), "'\(fragment)' is not in: \(result.errors)", file: file, line: sourceLine)
        }
        // Warnings may come first; the error is the last line, and the only one.
        let errors = result.errors.split(separator: "\n").map { $0.hasPrefix("caplet: error: ") }
        XCTAssertEqual(errors.filter { $0 }.count, 1, result.errors, file: file, line: sourceLine)
        XCTAssertEqual(errors.last, true, result.errors, file: file, line: sourceLine)
        XCTAssertEqual(try folder.listing(), before, "\(line): files changed", file: file, line: sourceLine)
    }

    private static let magnitude = "--pipeline 'magnitude{keep=0.5}' --no-progress"
    private static let outputs = ["out.caplet", "out.gguf", "out.npz", "out.safetensors"]

    // MARK: - Inputs

    func testTruncatedFiles() throws {
        let folder = try CheckpointFolder()
        defer { withExtendedLifetime(folder) {} }
        for ending in ["safetensors", "gguf", "npz", "caplet"] {
            let name = "cut.\(ending)"
            XCTAssertEqual(try CapletProcess.run(["convert", "tiny", "-o", "whole.\(ending)"], in: folder.path).status, 0)
            let bytes = try folder.bytes("whole.\(ending)")
            for count in [bytes.count - 1, bytes.count / 2, 20] {
                try folder.write(Array(bytes.prefix(count)), as: name)
                try expectFailure("caplet convert \(name) -o out.npz", 65, saying: name, in: folder)
                try expectFailure("caplet compress \(name) -o out.npz \(NothingLostTests.magnitude)", 65, saying: name, in: folder)
            }
        }
    }

    func testOverlappingTensors() throws {
        let folder = try CheckpointFolder()
        defer { withExtendedLifetime(folder) {} }
        let header = #"{"a":{"dtype":"F32","shape":[4],"data_offsets":[0,16]},"b":{"dtype":"F32","shape":[4],"data_offsets":[8,24]}}"#
        try folder.writeSafetensors(header: header, dataBytes: 24, as: "m.safetensors")
        try expectFailure("caplet convert m.safetensors -o out.gguf", 65, saying: "m.safetensors", "tensor 'b'", in: folder)
    }

    func testUnknownDType() throws {
        let folder = try CheckpointFolder()
        defer { withExtendedLifetime(folder) {} }
        let header = #"{"a":{"dtype":"F6_E3M2","shape":[4],"data_offsets":[0,3]}}"#
        try folder.writeSafetensors(header: header, dataBytes: 3, as: "m.safetensors")
        try expectFailure("caplet convert m.safetensors -o out.gguf", 69, saying: "tensor 'a'", "F6_E3M2", in: folder)
    }

    func testWrongMagic() throws {
        let folder = try CheckpointFolder()
        defer { withExtendedLifetime(folder) {} }
        try folder.write("GGUX and nothing of the kind", as: "m.gguf")
        try folder.write("nothing that anyone knows", as: "m.bin")
        try expectFailure("caplet convert m.gguf -o out.npz", 65, saying: "m.gguf", in: folder)
        try expectFailure("caplet convert m.bin -o out.npz", 69, saying: "m.bin", "--from", in: folder)
        try expectFailure("caplet convert tiny --from gguf -o out.npz", 66, saying: "tiny", in: folder)
    }

    func testMissingShard() throws {
        let folder = try CheckpointFolder()
        defer { withExtendedLifetime(folder) {} }
        let result = try CapletProcess.shell("caplet convert tiny -o shards --to safetensors --max-shard-size 40kB", in: folder.path)
        XCTAssertEqual(result.status, 0, result.errors)
        let shards = try FileManager.default.contentsOfDirectory(atPath: folder.path("shards")).filter { $0.hasPrefix("model-") }.sorted()
        XCTAssertGreaterThan(shards.count, 2)
        XCTAssertEqual(try CapletProcess.run(["diff", "tiny", "shards"], in: folder.path).status, 0)
        try FileManager.default.removeItem(atPath: folder.path("shards/\(shards[1])"))
        try expectFailure("caplet convert shards -o out.gguf", 65, saying: shards[1], in: folder)
    }

    func testNaN() throws {
        let name = "model.layers.1.mlp.up_proj.weight"
        let folder = try CheckpointFolder { graph in
            guard let tensor = graph[name] else { return XCTFail("no tensor \(name)") }
            var floats = try tensor.payload.densifiedFloats()
            floats[7] = .nan
            try graph.setPayload(.dense(.init(floats: floats, shape: tensor.shape, dtype: .bf16)), of: name)
        }
        defer { withExtendedLifetime(folder) {} }
        for output in NothingLostTests.outputs {
            try expectFailure("caplet compress tiny -o \(output) \(NothingLostTests.magnitude)", 65, saying: name, in: folder)
            try expectFailure(
                "caplet compress tiny -o \(output) --keep 0.5 --calibration text.txt --no-progress", 65, saying: name, in: folder)
        }
        for dtype in ["q8_0", "q4_1"] {
            try expectFailure("caplet convert tiny -o out.gguf --dtype \(dtype)", 65, saying: name, in: folder)
        }
        try expectFailure("caplet verify tiny", 1, saying: name, in: folder)
        XCTAssertEqual(
            try CapletProcess.run(["convert", "tiny", "-o", "out.gguf", "--embed-files"], in: folder.path).status, 0,
            "converting computes nothing")
        XCTAssertEqual(try CapletProcess.run(["diff", "tiny", "out.gguf"], in: folder.path).status, 0, "and the NaN arrives")
    }

    func testValuesThatADTypeCannotHold() throws {
        let name = "model.layers.0.self_attn.q_proj.weight"
        let folder = try CheckpointFolder { graph in
            guard let tensor = graph[name] else { return XCTFail("no tensor \(name)") }
            let floats = [Float](repeating: 1e38, count: tensor.shape.elementCount)
            try graph.setPayload(.dense(.init(floats: floats, shape: tensor.shape, dtype: .bf16)), of: name)
        }
        defer { withExtendedLifetime(folder) {} }
        for dtype in ["f16", "q8_0", "q4_0", "q5_1"] {
            try expectFailure("caplet convert tiny -o out.gguf --dtype \(dtype)", 69, saying: name, in: folder)
        }
    }

    /// Every byte of a container counts.
    func testDamagedContainer() throws {
        let folder = try CheckpointFolder()
        defer { withExtendedLifetime(folder) {} }
        XCTAssertEqual(try CapletProcess.run(["convert", "tiny", "-o", "whole.caplet"], in: folder.path).status, 0)
        let bytes = try folder.bytes("whole.caplet")
        for step in 0..<24 {
            var damaged = bytes
            damaged[(bytes.count - 1) * step / 23] ^= 0x10
            try folder.write(damaged, as: "m.caplet")
            let result = try CapletProcess.run(["verify", "m.caplet", "--from", "caplet"], in: folder.path)
            XCTAssertEqual(result.status, 1, "step \(step): \(result.output)\(result.errors)")
            XCTAssertEqual(result.errors.split(separator: "\n").count, 1, result.errors)
        }
    }

    // MARK: - Requests

    func testCalibrationText() throws {
        let folder = try CheckpointFolder()
        defer { withExtendedLifetime(folder) {} }
        try folder.write("", as: "empty.txt")
        try folder.write(" \n\n", as: "blank.txt")
        for text in ["empty.txt", "blank.txt"] {
            try expectFailure(
                "caplet compress tiny -o out.npz --keep 0.5 --calibration \(text) --no-progress", 65, saying: text, in: folder)
        }
        try expectFailure(
            "caplet compress tiny -o out.npz --keep 0.5 --calibration none.txt --no-progress", 66, saying: "none.txt", in: folder)
        // Without one the text that comes with the program is read, and said.
        try expectFailure("caplet compress tiny -o out.npz --calibration text.txt --no-progress", 64, saying: "--keep", in: folder)
        let result = try CapletProcess.run(["compress", "tiny", "-o", "out.npz", "--keep", "0.5", "--no-progress"], in: folder.path)
        XCTAssertEqual(result.status, 0, result.errors)
        XCTAssertTrue(result.errors.contains("no calibration text is given"), result.errors)
    }

    func testBudgetThatCannotBeMet() throws {
        let folder = try CheckpointFolder()
        defer { withExtendedLifetime(folder) {} }
        for keep in ["0", "0.000000001"] {
            let pipeline = "--pipeline 'prune-probabilistic{keep=\(keep)}' --calibration text.txt --no-progress"
            try expectFailure("caplet compress tiny -o out.npz \(pipeline)", 64, saying: "keep=", in: folder)
        }
    }

    func testInputsAndOutputs() throws {
        let folder = try CheckpointFolder()
        defer { withExtendedLifetime(folder) {} }
        try expectFailure("caplet convert none -o out.gguf", 66, saying: "none", in: folder)
        try expectFailure("caplet convert tiny/model.safetensors -o tiny/model.safetensors", 64, saying: "input", in: folder)
        try expectFailure("caplet convert tiny/model.safetensors -o tiny/model.safetensors --force", 64, saying: "input", in: folder)
        try expectFailure("caplet convert tiny -o tiny --to safetensors --force", 64, saying: "input", in: folder)
        try expectFailure(
            "caplet compress tiny -o tiny --to safetensors --force \(NothingLostTests.magnitude)", 64, saying: "input", in: folder)
        for output in NothingLostTests.outputs {
            try folder.write("precious", as: output)
            try expectFailure("caplet convert tiny -o \(output)", 64, saying: output, "--force", in: folder)
            try expectFailure("caplet compress tiny -o \(output) \(NothingLostTests.magnitude)", 64, saying: output, "--force", in: folder)
        }
        try FileManager.default.createDirectory(atPath: folder.path("full"), withIntermediateDirectories: false)
        try folder.write("precious", as: "full/file")
        try expectFailure("caplet convert tiny -o full --to safetensors", 64, saying: "full", "--force", in: folder)
    }

    func testStrict() throws {
        let folder = try CheckpointFolder()
        defer { withExtendedLifetime(folder) {} }
        try expectFailure(
            "caplet convert tiny -o out.safetensors --strict 2>&1 | sed -n '$p' >&2; exit ${PIPESTATUS[0]}", 2, saying: "--strict",
            in: folder)
    }

    // MARK: - Writing

    func testPlacesThatCannotBeWritten() throws {
        let folder = try CheckpointFolder()
        defer { withExtendedLifetime(folder) {} }
        for parent in ["none", "/proc", "text.txt"] {
            for output in NothingLostTests.outputs {
                try expectFailure("caplet convert tiny -o \(parent)/\(output)", 74, saying: parent, in: folder)
                try expectFailure(
                    "caplet compress tiny -o \(parent)/\(output) \(NothingLostTests.magnitude)", 74, saying: parent, in: folder)
            }
        }
    }

    /// A limit on the size of files stands for a disk that fills up: write fails in the middle.
    func testFullDisk() throws {
        let folder = try CheckpointFolder()
        defer { withExtendedLifetime(folder) {} }
        for output in NothingLostTests.outputs + ["out --to safetensors", "out --to npy"] {
            for blocks in [1, 24] {
                try expectFailure("ulimit -f \(blocks); caplet convert tiny -q -o \(output)", 74, saying: "cannot be written", in: folder)
            }
            try expectFailure("ulimit -f 24; caplet compress tiny -q -o \(output) \(NothingLostTests.magnitude)", 74, in: folder)
        }
        try folder.write("precious", as: "out.gguf")
        try expectFailure("ulimit -f 24; caplet convert tiny -q -o out.gguf --force", 74, in: folder)
    }

    func testResultsThatCannotBePrinted() throws {
        let folder = try CheckpointFolder()
        defer { withExtendedLifetime(folder) {} }
        try expectFailure("caplet inspect tiny > /dev/full", 74, saying: "standard output", in: folder)
        let early = try CapletProcess.shell("caplet inspect tiny | head -n 1; exit ${PIPESTATUS[0]}", in: folder.path)
        XCTAssertEqual(early.status, 0, early.errors)
    }

    func testInterrupt() throws {
        let folder = try CheckpointFolder()
        defer { withExtendedLifetime(folder) {} }
        let before = try folder.listing()
        for (signal, output) in [(SIGINT, "out.npz"), (SIGTERM, "out --to safetensors")] {
            // A shell in the background hands on ignored signals; env gives them back.
            let running = try CapletProcess.start(
                "exec env --default-signal=INT,TERM caplet compress tiny -o \(output) --pipeline 'rpca{iterations=100000 tolerance=0}' --no-progress",
                in: folder.path)
            Thread.sleep(forTimeInterval: 1.5)
            XCTAssertTrue(running.process.isRunning, "it ended before it was interrupted")
            kill(running.process.processIdentifier, signal)
            let result = try running.wait()
            XCTAssertEqual(result.status, 130, result.errors)
            XCTAssertEqual(result.output, "")
            XCTAssertTrue(result.errors.hasSuffix("caplet: error: interrupted\n"), result.errors)
            XCTAssertEqual(try folder.listing(), before)
        }
    }
}
