import BuiltIns
import Execution
import FormatKit
import ModelGraph
import PassKit
import TestSupport
import XCTest

@testable import Caplet

/// Finished work that goes through a file is the same.
final class WorkSegmentTests: XCTestCase {
    private func throughAFile(_ graph: TensorGraph) throws -> WorkSegment {
        let folder = try TemporaryFolder()
        let format = try Registry.builtIn.writableFormat(named: "caplet")
        let path = folder.path("segment.caplet")
        _ = try format.write(graph, to: path, WriteOptions(), ExecutionContext(threads: 2))
        return try WorkSegment(format.read(path, ReadContext()), path: path)
    }

    func testResults() throws {
        var segment = WorkSegment(pass: 3)
        for tensor in try SampleGraph.structured().tensors {
            let report = try TensorReport(
                comparing: tensor, with: tensor.payload, [.init(name: "x", value: .infinity), .init(name: "y", value: 0.1)],
                ExecutionContext(threads: 1))
            segment.tensors.append(FinishedTensor(name: tensor.name, payload: tensor.payload, report: report))
        }
        segment.tensors.append(FinishedTensor(name: "without a report", payload: segment.tensors[0].payload, report: nil))
        let question = LossQuestion(set: .heldBack, sequences: [4, 1, 7, 2], weights: "0123")
        segment.losses = [FinishedLosses(question, [1 / 3, .nan, 2, -.infinity])]
        segment.report = PassReport(pass: "rpca")
        segment.report?.measure("z", 5e-324)
        XCTAssertNil(try segment.snapshotGraph())

        let read = try throughAFile(XCTUnwrap(segment.resultGraph()))
        XCTAssertEqual(read.pass, 3)
        XCTAssertEqual(read.tensors.map(\.name), segment.tensors.map(\.name))
        for (a, b) in zip(read.tensors, segment.tensors) {
            XCTAssertEqual(a.payload.kindName, b.payload.kindName)
            XCTAssertEqual(a.payload.byteCount, b.payload.byteCount)
            XCTAssertEqual(try a.payload.densifiedFloats(), try b.payload.densifiedFloats())
            XCTAssertEqual(a.report?.measurements.map(\.value), b.report?.measurements.map(\.value))
        }
        XCTAssertEqual(read.losses.map(\.question), [question])
        XCTAssertEqual(read.losses[0].losses[0], 1 / 3)
        XCTAssertTrue(read.losses[0].losses[1].isNaN)
        XCTAssertEqual(read.losses[0].losses[2...], [2, -.infinity])
        XCTAssertEqual(read.report?.measurement("z"), 5e-324)
        XCTAssertNil(read.snapshot)
    }

    func testSnapshot() throws {
        var (segment, snapshot) = (WorkSegment(pass: 1), PassSnapshot())
        XCTAssertNil(try segment.resultGraph())
        try snapshot.set("values of h.0.w: 1", [1, .nan, -0.0, .infinity, 1e-45])
        try snapshot.set("none", [])
        snapshot.numbers = ["place": [4, 1 / 3], "nothing": []]
        segment.snapshot = snapshot
        XCTAssertNil(try segment.resultGraph())
        let read = try throughAFile(XCTUnwrap(segment.snapshotGraph()))
        XCTAssertEqual(read.pass, 1)
        XCTAssertEqual(read.snapshot?.numbers, snapshot.numbers)
        XCTAssertEqual(
            try read.snapshot?.arrays.mapValues { try $0.floats().map(\.bitPattern) },
            try snapshot.arrays.mapValues { try $0.floats().map(\.bitPattern) })
        XCTAssertTrue(read.tensors.isEmpty)
    }

    /// What was kept before losses had questions, or under any other number, is not understood.
    func testAnotherVersionIsRefused() throws {
        for record in [
            #"{"pass":0,"entries":[],"losses":[{"set":"calibration","call":0,"losses":[[1]]}]}"#,
            #"{"pass":0,"entries":[],"losses":[],"records":[]}"#,
            #"{"version":1,"pass":0,"entries":[],"losses":[],"records":[]}"#,
            #"{"version":\#(WorkSegment.version + 1),"pass":0,"entries":[],"losses":[],"records":[]}"#,
        ] {
            var graph = TensorGraph()
            graph.attach(Attachment(name: "finished.json", bytes: Array(record.utf8)))
            XCTAssertThrowsError(try throughAFile(graph), record) { XCTAssertEqual(($0 as? FormatError)?.kind, .malformed) }
        }
        var graph = TensorGraph()
        let record = #"{"version":\#(WorkSegment.version),"pass":0,"entries":[],"losses":[],"records":[]}"#
        graph.attach(Attachment(name: "finished.json", bytes: Array(record.utf8)))
        XCTAssertEqual(try throughAFile(graph).pass, 0)
    }

    /// What stages found out, with arrays of equal names.
    func testRecordsOfStages() throws {
        var segment = WorkSegment(pass: 2)
        for (index, name) in ["a", "b"].enumerated() {
            var found = PassSnapshot()
            found.numbers = ["gain": [Double(index) / 3]]
            try found.set("power", [Float(index), .infinity])
            try found.set("nothing", [])
            found.arrays["codes"] = try DenseTensor(
                dtype: .i8, shape: Shape(count: 3), bytes: OwnedBytes(byteCount: 3) { $0.copyBytes(from: [1, 0x80, 0xFF]) })
            segment.records.append(FinishedRecord(stage: "pricing", name: name, found: found))
        }
        segment.tensors = [FinishedTensor(name: "power", payload: try SampleGraph.tensor("power", .f16, [3, 4]).payload, report: nil)]
        let read = try throughAFile(XCTUnwrap(segment.resultGraph()))
        XCTAssertEqual(read.tensors.map(\.name), ["power"])
        XCTAssertEqual(read.records.map(\.stage), ["pricing", "pricing"])
        XCTAssertEqual(read.records.map(\.name), ["a", "b"])
        for (a, b) in zip(read.records, segment.records) {
            XCTAssertEqual(a.found.numbers, b.found.numbers)
            XCTAssertEqual(try a.found.floats("power"), try b.found.floats("power"))
            XCTAssertEqual(try a.found.floats("nothing"), [])
            XCTAssertEqual(a.found.arrays["codes"]?.dtype, .i8)
            XCTAssertEqual(try a.found.arrays["codes"]?.bytes.withUnsafeBytes { Array($0) }, [1, 0x80, 0xFF])
        }
    }

    func testAnotherFileIsRefused() throws {
        XCTAssertThrowsError(try throughAFile(SampleGraph.structured())) {
            XCTAssertEqual(($0 as? FormatError)?.kind, .malformed)
        }
    }
}
