import CapletFormat
import Execution
import FormatKit
import ModelGraph
import TestSupport
import XCTest

/// What a file holds, read a piece at a time, is what it holds as a whole.
final class PieceTests: XCTestCase {
    private func sources(_ payload: Payload) -> [any ByteSource] {
        switch payload {
        case .dense(let tensor): return [tensor.bytes]
        case .blocks(let tensor): return [tensor.bytes]
        case .lowRank(let tensor): return sources(tensor.u) + sources(tensor.v)
        case .sparse(let tensor): return [tensor.pattern.words] + sources(tensor.values)
        case .quantized(let tensor):
            return [tensor.codes, tensor.scales.bytes] + [tensor.zeroPoints, tensor.columnScales?.bytes].compactMap { $0 }
        case .composite(let terms): return terms.flatMap(sources)
        }
    }

    func testPiecesAreTheWhole() throws {
        let folder = try TemporaryFolder()
        defer { withExtendedLifetime(folder) {} }
        var graph = try ContainerSamples.everyPayload()
        // More than one chunk.
        let large = try DenseTensor(floats: ContainerSamples.noise(700_000, seed: 3), shape: Shape(rows: 700, columns: 1000))
        try graph.append(Tensor(name: "large", dense: large))
        let path = folder.path("m.caplet")
        try CapletFormat().write(graph, to: path, WriteOptions(), ExecutionContext(threads: 1))
        let read = try CapletFormat().read(path, ReadContext())
        var most = 0
        for (tensor, original) in zip(read.tensors, graph.tensors) {
            for (source, expected) in zip(sources(tensor.payload), sources(original.payload)) {
                var bytes: [UInt8] = []
                var pieces = 0
                try source.forEachPiece {
                    bytes += $0
                    pieces += 1
                }
                most = max(most, pieces)
                XCTAssertEqual(bytes, try source.withUnsafeBytes { Array($0) }, tensor.name)
                XCTAssertEqual(bytes, try expected.withUnsafeBytes { Array($0) }, tensor.name)
            }
        }
        XCTAssertGreaterThan(most, 1)
    }
}
