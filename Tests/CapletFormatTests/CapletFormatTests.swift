import CapletFormat
import Execution
import FormatKit
import ModelGraph
import TestSupport
import XCTest

final class CapletFormatTests: XCTestCase {
    private let format = CapletFormat()

    func testConforms() throws {
        var suite = FormatConformance(format, outputName: "m.caplet", dtypes: DType.allCases.filter(\.hasWholeBytes))
        suite.carriesStructure = true
        suite.maximumRank = 8
        try suite.run()
    }

    func testEveryPayloadComesBackPartByPart() throws {
        let graph = try ContainerSamples.everyPayload()
        let folder = try TemporaryFolder()
        let path = folder.path("m.caplet")
        let plan = try format.write(graph, to: path, WriteOptions(), ExecutionContext())
        XCTAssertEqual(plan.warnings, [])
        let back = try format.read(path, ReadContext())
        XCTAssertEqual(back.tensors.map(\.name), graph.tensors.map(\.name))
        for (ours, theirs) in zip(graph.tensors, back.tensors) {
            XCTAssertEqual(theirs.dtype, ours.dtype, ours.name)
            XCTAssertEqual(theirs.role, ours.role, ours.name)
            XCTAssertEqual(try ContainerSamples.describe(theirs.payload), try ContainerSamples.describe(ours.payload), ours.name)
        }
        XCTAssertEqual(back.ties, graph.ties)
        let verification = try CapletFormat.verify(path, ExecutionContext(threads: 2))
        XCTAssertEqual(verification.tensorCount, graph.tensors.count)
        XCTAssertEqual(verification.fileByteCount, plan.byteCount)
    }

    func testMetadataIsExact() throws {
        var graph = TensorGraph()
        graph.metadata = SampleGraph.metadata
        graph.metadata["nan"] = .float32(Float(bitPattern: 0x7FC0_1234))
        graph.metadata["nan64"] = .float64(Double(bitPattern: 0xFFF0_0000_0000_0001))
        graph.metadata["nested"] = .array(.array, [.array(.int8, [.int8(1)]), .array(.string, [])])
        graph.metadata["tokens"] = .array(.string, (0..<50_000).map { .string("token \($0) ü\u{0}") })
        graph.metadata["scores"] = .array(.float32, (0..<50_000).map { .float32(Float(bitPattern: UInt32($0 &* 77_777))) })
        graph.metadata["types"] = .array(.int32, (0..<50_000).map { .int32(Int32($0 % 6) - 3) })
        graph.metadata["flags"] = .array(.bool, (0..<100).map { .bool($0 % 3 == 0) })
        graph.metadata["wide"] = .array(.uint64, (0..<100).map { .uint64(UInt64.max - UInt64($0)) })
        let folder = try TemporaryFolder()
        var options = WriteOptions()
        options.provenance = [("pipeline", "rpca{iterations=10}"), ("seed", "0")]
        try format.write(graph, to: folder.path("m.caplet"), options, ExecutionContext())
        let back = try format.read(folder.path("m.caplet"), ReadContext())
        XCTAssertEqual(back.metadata.keys, graph.metadata.keys)
        for (key, value) in graph.metadata.entries { XCTAssertTrue(same(back.metadata[key], value), key) }
        XCTAssertEqual(
            try format.provenance(of: format.read(folder.path("m.caplet"), ReadContext())).map { "\($0.key)=\($0.value)" },
            ["pipeline=rpca{iterations=10}", "seed=0"])
    }

    private func same(_ a: MetadataValue?, _ b: MetadataValue) -> Bool {
        switch (a, b) {
        case (.float32(let a), .float32(let b)): return a.bitPattern == b.bitPattern
        case (.float64(let a), .float64(let b)): return a.bitPattern == b.bitPattern
        case (.array(let s, let a), .array(let t, let b)): return s == t && a.count == b.count && zip(a, b).allSatisfy { same($0, $1) }
        default: return a == b
        }
    }

    func testBytesDoNotDependOnThreadsAndPlanIsABound() throws {
        var graph = try ContainerSamples.everyPayload()
        // Several chunks, the last one short.
        try graph.append(SampleGraph.tensor("large.bf16", .bf16, [1300, 2048]))
        try graph.append(SampleGraph.tensor("large.f64", .f64, [701, 999]))
        graph.attachments = SampleGraph.attachments
        let folder = try TemporaryFolder()
        var options = WriteOptions()
        options.outputPath = folder.path("1.caplet")
        let plan = try format.plan(graph, options)
        XCTAssertFalse(plan.isExact)
        let written = try format.write(graph, to: folder.path("1.caplet"), options, ExecutionContext(threads: 1))
        try format.write(graph, to: folder.path("7.caplet"), options, ExecutionContext(threads: 7))
        let files = try folder.files()
        XCTAssertEqual(files[0].bytes, files[1].bytes)
        XCTAssertEqual(written.byteCount, files[0].bytes.count)
        XCTAssertTrue(written.isExact)
        XCTAssertLessThanOrEqual(written.byteCount, plan.byteCount)
        for (bound, size) in zip(plan.tensors, written.tensors) { XCTAssertLessThanOrEqual(size.bytes, bound.bytes, size.name) }
        let back = try format.read(folder.path("1.caplet"), ReadContext())
        for (ours, theirs) in zip(graph.tensors, back.tensors) {
            XCTAssertEqual(try ContainerSamples.describe(theirs.payload), try ContainerSamples.describe(ours.payload), ours.name)
        }
    }

    func testCodesThatTheirBitsDoNotHaveAreRefused() throws {
        let scales = try DenseTensor(floats: [1], shape: Shape(count: 1), dtype: .f16)
        let tensor = try QuantizedTensor(
            shape: Shape(rows: 1, columns: 2), bits: 4, groupSize: 2, codes: OwnedBytes([7, 8]), scales: scales, zeroPoints: nil)
        let folder = try TemporaryFolder()
        let graph = try SampleGraph.graph([Tensor(name: "t", shape: tensor.shape, dtype: .f32, payload: .quantized(tensor))])
        XCTAssertThrowsError(try format.write(graph, to: folder.path("m.caplet"), WriteOptions(), ExecutionContext())) {
            XCTAssertTrue("\($0)".contains("tensor 't'") && "\($0)".contains("code 8"), "\($0)")
        }
        XCTAssertEqual(try folder.files().count, 0)
    }

    func testZstdReadsTheFile() throws {
        let folder = try TemporaryFolder()
        let path = folder.path("m.caplet")
        try format.write(ContainerSamples.everyPayload(), to: path, WriteOptions(), ExecutionContext())
        XCTAssertEqual(try ZstdTool.survivors(of: folder.path).map(\.name), ["m.caplet"])
    }
}
