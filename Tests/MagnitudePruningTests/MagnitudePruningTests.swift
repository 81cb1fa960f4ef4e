import MagnitudePruning
import ModelGraph
import PassKit
import TestSupport
import XCTest

final class MagnitudePruningTests: XCTestCase {
    func testConformance() throws {
        try PassConformance([MagnitudePass.self], pipeline: "magnitude").run()
        try PassConformance([MagnitudePass.self], pipeline: "magnitude{scope=global keep=0.3}").run()
    }

    func testKeepsTheLargestEntriesOfEachLayerUnchanged() throws {
        let graph = try SampleModel.graph(dtype: .bf16)
        let result = try PassConformance([MagnitudePass.self], pipeline: "magnitude{keep=0.25}").apply(to: graph).graph
        for tensor in graph.tensors where tensor.role == .linear {
            let (old, new) = (try tensor.payload.densifiedFloats(), try XCTUnwrap(result[tensor.name]).payload.densifiedFloats())
            let kept = new.indices.filter { new[$0] != 0 }
            XCTAssertEqual(kept.count, old.count / 4)
            XCTAssertTrue(kept.allSatisfy { new[$0] == old[$0] })
            let least = kept.map { abs(old[$0]) }.min() ?? 0
            XCTAssertTrue(old.indices.allSatisfy { new[$0] != 0 || abs(old[$0]) <= least })
        }
    }

    /// Two of four, and of a shorter group at the end of a row half rounded down.
    func testPattern() throws {
        let graph = try SampleModel.graph(hidden: 26)
        let result = try PassConformance([MagnitudePass.self], pipeline: "magnitude{pattern=2:4}").apply(to: graph).graph
        for tensor in graph.tensors where tensor.role == .linear {
            let (old, new) = (try tensor.payload.densifiedFloats(), try XCTUnwrap(result[tensor.name]).payload.densifiedFloats())
            let n = tensor.shape.columns
            for start in stride(from: 0, to: old.count, by: n) {
                for group in stride(from: start, to: start + n, by: 4) {
                    let range = group..<min(group + 4, start + n)
                    let largest = range.sorted { abs(old[$0]) > abs(old[$1]) }.prefix(range.count / 2)
                    for i in range { XCTAssertEqual(new[i], largest.contains(i) ? old[i] : 0, tensor.name) }
                }
            }
        }
        for options in ["pattern=2:4 keep=0.4", "pattern=2:4 scope=global"] {
            let run = PassConformance([MagnitudePass.self], pipeline: "magnitude{\(options)}")
            XCTAssertThrowsError(try run.apply(to: graph)) { XCTAssertTrue("\($0)".contains("pattern=2:4"), "\($0)") }
        }
    }

    func testGlobalScopeUsesOneThreshold() throws {
        let graph = try SampleModel.graph { name, rows, columns in
            var matrix = SampleModel.heavyTailed(rows, columns, seed: 5)
            if name.contains("layers.0") { matrix.elements = matrix.elements.map { $0 * 10_000 } }
            return matrix
        }
        let result = try PassConformance([MagnitudePass.self], pipeline: "magnitude{keep=0.5 scope=global}").apply(to: graph)
        let densities = Dictionary(uniqueKeysWithValues: result.reports[0].tensors.map { ($0.name, $0.measurement("density") ?? 0) })
        XCTAssertGreaterThan(densities["model.layers.0.mlp.up_proj.weight"] ?? 0, 0.9)
        XCTAssertLessThan(densities["model.layers.1.mlp.up_proj.weight"] ?? 1, 0.1)
        let linear = graph.tensors.filter { $0.role == .linear }.reduce(0) { $0 + $1.shape.elementCount }
        XCTAssertEqual(result.reports[0].tensors.reduce(0) { $0 + $1.parametersAfter }, linear / 2)
    }

    func testOnRequestTheEmbeddingIsPrunedToo() throws {
        let result = try PassConformance([MagnitudePass.self], pipeline: "magnitude{layers=embedding+head}").apply(to: SampleModel.graph())
        XCTAssertEqual(Set(result.reports[0].tensors.map(\.name)), ["model.embed_tokens.weight", "lm_head.weight"])
    }
}
