import CapletFormat
import FormatKit
import LinearAlgebra
import ModelGraph
import PassKit
import PostTrainingQuantization
import TestSupport
import XCTest

/// Components of a tensor that go into U and V beside its codes.
final class LeadingComponentsTests: XCTestCase {
    private let spiked = "model.layers.0.mlp.up_proj.weight"

    /// One layer has a component that is half of it, as the heads of language models do; the others have none.
    private func graph() throws -> TensorGraph {
        try SampleModel.graph(blocks: 1, hidden: 128, intermediate: 256) { [spiked] name, rows, columns in
            var matrix = Matrix.random(rows, columns, seed: UInt64(name.utf8.reduce(7) { ($0 &* 31 &+ Int($1)) & 0xFFFF }))
            guard name == spiked else { return matrix }
            let (u, v) = (Matrix.random(rows, 1, seed: 5), Matrix.random(1, columns, seed: 6))
            matrix = matrix + u.times(v)
            return matrix
        }
    }

    private func quantized(_ options: String) throws -> (graph: TensorGraph, report: PassReport) {
        let (result, reports) = try PassConformance(
            [QuantizePass.self], pipeline: "quantize{objective=weights target=dense \(options)}"
        ).apply(to: graph())
        return (result, reports[0])
    }

    func testThePlantedComponentIsTakenOffAndNoOther() throws {
        let (result, _) = try quantized("bits=3.5")
        for tensor in result.tensors where tensor.role == .linear {
            guard tensor.name == spiked else {
                guard case .quantized = tensor.payload else { return XCTFail("\(tensor.name) is \(tensor.payload.kindName)") }
                continue
            }
            guard case .composite(let terms) = tensor.payload, terms.count == 2, case .lowRank(let factors) = terms[0],
                case .quantized = terms[1]
            else { return XCTFail("\(tensor.name) is \(tensor.payload.kindName)") }
            XCTAssertEqual(factors.rank, 1)
        }
        let (plain, _) = try quantized("bits=3.5 components=none")
        XCTAssertTrue(plain.tensors.allSatisfy { if case .composite = $0.payload { false } else { true } })
    }

    /// With as many bits a value there is less error, and with as small an error the file is smaller.
    func testItIsWorthItsBytes() throws {
        let original = try graph()
        let weight = try XCTUnwrap(original[spiked]).payload.densifiedMatrix()
        func error(_ graph: TensorGraph) throws -> Double {
            try XCTUnwrap(graph[spiked]).payload.densifiedMatrix().relativeFrobeniusError(to: weight)
        }
        let (with, without) = (try quantized("bits=3.5"), try quantized("bits=3.5 components=none"))
        XCTAssertEqual(with.report.measurement("entropyBitsPerValue") ?? 0, 3.5, accuracy: 0.0105)
        XCTAssertLessThan(try error(with.graph), 0.98 * (try error(without.graph)))
        let folder = try TemporaryFolder()
        let sizes = try [with, without].enumerated().map { index, made in
            try CapletFormat().write(made.graph, to: folder.path("\(index).caplet"), WriteOptions(), .init(threads: 2)).byteCount
        }
        // What the two ask for is the bits of codes and factors; the file keeps to that.
        XCTAssertEqual(Double(sizes[0]), Double(sizes[1]), accuracy: 0.02 * Double(sizes[1]))
    }
}
