import Execution
import LayerwiseCompression
import LinearAlgebra
import ModelGraph
import PassKit
import TestSupport
import ThreeBlock
import XCTest

final class ThreeBlockTests: XCTestCase {
    private let passes: [any Pass.Type] = [ThreeBlockPass.self]

    func testConformance() throws {
        for pipeline in [
            "three-block", "three-block{keep=0.3 ratios=owl}", "three-block{rank-ratio=1}", "three-block{pattern=2:4 keep=0.6}",
        ] {
            try PassConformance(passes, pipeline: pipeline, needsCalibration: true).run()
        }
    }

    /// A weight that is low-rank + sparse is found again, and solving one part for the other never raises the error; on one thread and on three.
    func testPartsAreFoundAndTheErrorFalls() throws {
        let inputs = Matrix.random(300, 40, seed: 1)
        let h = inputs.times(inputs, .transposed)
        let spikes = Matrix.random(90, 40, seed: 2)
        var sparse = Matrix(zeros: 90, 40)
        for i in sparse.elements.indices where i % 11 == 3 { sparse.elements[i] = spikes.elements[i] < 0 ? -2 : 2 }
        let spikeCount = sparse.elements.count { $0 != 0 }
        let lowRank = Matrix.random(90, 3, seed: 3).times(Matrix.random(3, 40, seed: 4))
        let weight = sparse + lowRank
        let results = try [1, 3].map { threads in
            let execution = ExecutionContext(threads: threads)
            return try SparseLowRankSolver(ScaledInputs(secondMoment: h, execution), .threeBlocks).solve(
                weight, keeping: .count(spikeCount), rank: 3, execution)
        }
        let found = results[0]
        XCTAssertEqual(found.sparse.elements, results[1].sparse.elements)
        let factors = try XCTUnwrap(found.lowRank)
        XCTAssertEqual(factors.u.elements, results[1].lowRank?.u.elements)
        XCTAssertLessThan((found.sparse + factors.u.times(factors.v)).relativeFrobeniusError(to: weight), 1e-3)
        XCTAssertLessThan(found.sparse.relativeFrobeniusError(to: sparse), 1e-2)
        let noise = Matrix.random(90, 40, seed: 5)
        let noisy = try SparseLowRankSolver(ScaledInputs(secondMoment: h, ExecutionContext(threads: 1)), .threeBlocks).solve(
            weight + noise, keeping: .count(spikeCount), rank: 3, ExecutionContext(threads: 1))
        for (before, after) in zip(noisy.errors, noisy.errors.dropFirst()) { XCTAssertLessThanOrEqual(after, before * (1 + 1e-5)) }
    }

    /// Of the bundled model's layers: below the error of the parts solved in turn, and of entries alone where rank pays.
    func testErrorBesideOtherSolvers() throws {
        let layer = try ReferenceLayer("model.layers.0.self_attn.q_proj.weight")
        let ours = try layer.apply(ThreeBlockPass.self, "three-block{keep=0.3}")
        let (m, n) = (layer.weight.rows, layer.weight.columns)
        let rank = Int(0.1 * Double(Int(0.3 * Double(m * n)))) / (m + n)
        XCTAssertEqual(ours.report.measurement("rank"), Double(rank))
        let execution = ExecutionContext(threads: 2)
        let inTurn = try LayerSolver(secondMoment: layer.secondMoment, execution).solve(
            layer.weight, lowRank: layer.weight.leadingSingularTriplets(rank), entries: Int(0.3 * Double(m * n)) - rank * (m + n), execution
        )
        let matrix = try XCTUnwrap(inTurn.lowRank.map { $0.u.times($0.v) + inTurn.sparse })
        XCTAssertLessThan(layer.outputError(ours.matrix), 1.02 * layer.outputError(matrix))
    }

    func testPatternsBudgetsAndRefusals() throws {
        let layer = try ReferenceLayer("model.layers.2.self_attn.q_proj.weight")
        let outcome = try layer.apply(ThreeBlockPass.self, "three-block{pattern=2:4 keep=0.6}")
        let (m, n) = (layer.weight.rows, layer.weight.columns)
        XCTAssertEqual(outcome.report.measurement("rank"), Double((Int(0.6 * Double(m * n)) - m * n / 2) / (m + n)))
        guard case .composite(let terms) = outcome.payload, let entries = terms.last else { return XCTFail("no two parts") }
        let sparse = try entries.densifiedFloats()
        for start in stride(from: 0, to: sparse.count, by: 4) { XCTAssertLessThanOrEqual(sparse[start..<start + 4].count { $0 != 0 }, 2) }
        // The rank that is said, and as much of the budget as it takes: better than half alone.
        let half = try layer.apply(ThreeBlockPass.self, "three-block{pattern=2:4}")
        let said = try layer.apply(ThreeBlockPass.self, "three-block{pattern=2:4 rank=24}")
        XCTAssertEqual([half, said].map { $0.report.measurement("rank") }, [0, 24])
        XCTAssertEqual(said.report.parametersAfter, m * n / 2 + 24 * (m + n))
        XCTAssertLessThan(layer.outputError(said.matrix), 0.9 * layer.outputError(half.matrix))
        for keep in [0.001, 0.4, 1] {
            let run = PassConformance(passes, pipeline: "three-block{keep=\(keep)}", needsCalibration: true)
            let report = try XCTUnwrap(run.apply(to: SampleModel.graph()).reports.first)
            XCTAssertEqual(
                report.measurement("parameters.kept") ?? -1, report.measurement("budget") ?? 0, accuracy: Double(report.tensors.count))
        }
        for (options, words) in [
            ("pattern=2:4 keep=0.4", "keep of 0.5"), ("pattern=4:8 ratios=owl", "ratios=uniform"), ("keep=0", "leaves nothing"),
            ("pattern=2:4 rank-ratio=0.2", "rank-ratio=0.2"), ("rank=8", "pattern=2:4"), ("pattern=2:4 rank=8 keep=0.6", "no keep="),
            ("rank-ratio=1.5", "rank-ratio"),
        ] {
            let run = PassConformance(passes, pipeline: "three-block{\(options)}", needsCalibration: true)
            XCTAssertThrowsError(try run.apply(to: SampleModel.graph())) { XCTAssertTrue("\($0)".contains(words), "\($0)") }
        }
    }
}
