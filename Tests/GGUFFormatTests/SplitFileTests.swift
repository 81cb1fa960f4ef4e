import Execution
import FormatKit
import Foundation
import ModelGraph
import TestSupport
import XCTest

@testable import GGUFFormat

/// Models in several files.
final class SplitFileTests: XCTestCase {
    private let format = GGUFFormat()

    private func graph() throws -> TensorGraph {
        var graph = try SampleGraph.graph((0..<7).map { try SampleGraph.tensor("t\($0)", .f32, [4, 8], seed: UInt64($0 + 1)) })
        graph.metadata = SampleGraph.metadata
        graph.metadata["general.alignment"] = .uint32(64)
        return graph
    }

    @discardableResult
    private func write(_ graph: TensorGraph, _ path: String, limit: Int? = 300, force: Bool = false) throws -> WritePlan {
        var options = WriteOptions()
        options.maximumShardBytes = limit
        options.force = force
        return try format.write(graph, to: path, options, ExecutionContext(threads: 1))
    }

    private let names = (1...4).map { "m-0000\($0)-of-00004.gguf" }

    func testAnyPartIsTheModel() throws {
        let folder = try TemporaryFolder()
        let plan = try write(graph(), folder.path("m.gguf"))
        XCTAssertEqual(try folder.files().map(\.name), names)
        XCTAssertEqual(plan.files.map(\.name), names)
        XCTAssertEqual(plan.files.map(\.bytes), try folder.files().map(\.bytes.count))
        try write(graph(), folder.path("whole.gguf"), limit: nil)
        let whole = try TemporaryFolder.bytes(of: folder.path("whole.gguf"))
        for (index, name) in names.enumerated() {
            let read = try format.read(folder.path(name), ReadContext())
            XCTAssertEqual(read.tensors.map(\.name), (0..<7).map { "t\($0)" })
            XCTAssertEqual(read.sources.count, 4)
            try write(read, folder.path("again\(index).gguf"), limit: nil)
            XCTAssertTrue(try TemporaryFolder.bytes(of: folder.path("again\(index).gguf")) == whole, name)
        }
        XCTAssertThrowsError(try write(format.read(folder.path(names[2]), ReadContext()), folder.path("m.gguf"), force: true)) {
            XCTAssertTrue("\($0)".contains("is the input"), "\($0)")
        }
    }

    func testGGUFPythonReadsParts() throws {
        let folder = try TemporaryFolder()
        try write(graph(), folder.path("m.gguf"))
        let text = try PythonProcess.run(
            """
            import sys
            from gguf import GGUFReader
            for path in sys.argv[1:]:
                r = GGUFReader(path)
                print(*[r.fields['split.' + k].contents() for k in ('no', 'count', 'tensors.count')], len(r.fields), *[t.name for t in r.tensors])
            """, names.map(folder.path))
        let first = SampleGraph.metadata.count + 7
        XCTAssertEqual(text, "0 4 7 \(first) t0 t1\n1 4 7 7 t2 t3\n2 4 7 7 t4 t5\n3 4 7 7 t6\n")
    }

    /// Parts that gguf-py splits are read as one.
    func testPartsOfGGUFPython() throws {
        let folder = try TemporaryFolder()
        try PythonProcess.run(
            """
            import sys, numpy as np
            from gguf import GGUFWriter
            w = GGUFWriter(sys.argv[1] + '/p.gguf', 'none', split_max_tensors=2)
            for i in range(5): w.add_tensor(f't{i}', np.full((2, 3), i, np.float32))
            w.write_header_to_file(); w.write_kv_data_to_file(); w.write_tensors_to_file(); w.close()
            """, [folder.path])
        let read = try format.read(folder.path("p-00002-of-00003.gguf"), ReadContext())
        XCTAssertEqual(try read.tensors.map { try $0.payload.densifiedFloats()[5] }, [0, 1, 2, 3, 4])
        XCTAssertEqual(read.metadata["general.architecture"], .string("none"))
        XCTAssertNil(read.metadata["split.count"])
    }

    func testPartsThatDoNotBelongTogether() throws {
        let folder = try TemporaryFolder(), other = try TemporaryFolder()
        try write(graph(), folder.path("m.gguf"))
        let parts = try names.map { try TemporaryFolder.bytes(of: folder.path($0)) }
        func expect(_ what: String, line: UInt = #line, _ change: () throws -> Void) throws {
            for (name, bytes) in zip(names, parts) { try folder.write(bytes, as: name) }
            try change()
            XCTAssertThrowsError(try format.read(folder.path(names[0]), ReadContext()), what, line: line) {
                XCTAssertEqual(($0 as? FormatError)?.kind, .malformed, line: line)
                XCTAssertTrue("\($0)".contains(what), "\($0)", line: line)
            }
        }
        try expect("is not there") { try FileManager.default.removeItem(atPath: folder.path(names[2])) }
        try expect("is part 2 of 4 by its keys, not 3 of 4") { try folder.write(parts[1], as: names[2]) }
        try expect("found when its name is NAME-00002-of-00004.gguf") { try folder.write(parts[1], as: names[0]) }
        try write(graph(), other.path("m.gguf"), limit: 150)
        try expect("is part 2 of 7 by its keys, not 2 of 4") {
            try folder.write(TemporaryFolder.bytes(of: other.path("m-00002-of-00007.gguf")), as: names[1])
        }
        // Names of equal length, so that nothing else moves.
        func renamed(_ bytes: [UInt8], _ old: String, _ new: String) throws -> [UInt8] {
            let start = try XCTUnwrap((0..<bytes.count - old.utf8.count).first { bytes[$0..<$0 + old.utf8.count].elementsEqual(old.utf8) })
            return bytes[..<start] + Array(new.utf8) + bytes[(start + old.utf8.count)...]
        }
        try expect("tensor 't0'") { try folder.write(renamed(parts[3], "t6", "t0"), as: names[3]) }
        try expect("split.no") { try folder.write(renamed(parts[1], "split.no", "split.xx"), as: names[1]) }
        try expect("the parts have 7 tensors") {
            let key = Array("split.tensors.count".utf8)
            var bytes = parts[2]
            let start = try XCTUnwrap((0..<bytes.count - key.count).first { bytes[$0..<$0 + key.count].elementsEqual(key) })
            bytes[start + key.count + 4] = 9
            try folder.write(bytes, as: names[2])
        }
    }

    /// A part that is there already is not replaced, and nothing else appears.
    func testAllPartsOrNone() throws {
        let folder = try TemporaryFolder()
        try folder.write([1, 2, 3], as: names[2])
        XCTAssertThrowsError(try write(graph(), folder.path("m.gguf"))) { XCTAssertEqual(($0 as? FormatError)?.kind, .refused) }
        XCTAssertEqual(try folder.files().map(\.name), [names[2]])
        var broken = try graph()
        let payload = Payload.dense(try DenseTensor(floats: [Float](repeating: .nan, count: 64), shape: Shape(rows: 1, columns: 64)))
        try broken.append(Tensor(name: "nan", blocks: BlockTensor(.q4_0, encoding: payload, name: "nan")))
        XCTAssertThrowsError(try write(broken, folder.path("m.gguf"), force: true))
        XCTAssertEqual(try folder.files().map(\.bytes), [[1, 2, 3]])
        try write(graph(), folder.path("m.gguf"), force: true)
        XCTAssertEqual(try folder.files().map(\.name), names)
        XCTAssertEqual(try format.read(folder.path(names[0]), ReadContext()).tensors.count, 7)
    }

    /// Files that were replaced come back when a later one cannot be.
    func testWhatWasThereComesBack() throws {
        let folder = try TemporaryFolder()
        let paths = ["a", "b"].map(folder.path)
        for path in paths { try folder.write(Array("old".utf8), as: path.split(separator: "/").last.map(String.init) ?? "") }
        let files = try AtomicFileSet(folder.path("set"), paths: paths, force: true)
        for _ in paths {
            let file = try files.next()
            try file.write(Array("new".utf8))
            try file.finish()
        }
        // The temporary file of "a", which is renamed last, is gone.
        let temporary = try folder.files().map(\.name).filter { $0.hasPrefix("a.partial-") }
        try FileManager.default.removeItem(atPath: folder.path(XCTUnwrap(temporary.first)))
        XCTAssertThrowsError(try files.prepared(WritePlan()).commit())
        XCTAssertEqual(try folder.files().map { "\($0.name) \(String(decoding: $0.bytes, as: UTF8.self))" }, ["a old", "b old"])
    }
}
