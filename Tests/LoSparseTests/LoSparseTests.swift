import Execution
import GradientFitting
import LinearAlgebra
import ModelGraph
import PassKit
import TestSupport
import XCTest

@testable import LoSparse

final class LoSparseTests: XCTestCase {
    func testConformance() throws {
        for pipeline in ["losparse{passes=2}", "losparse{passes=1 keep=0.3 rank-ratio=0 batch=3 neurons=inputs}"] {
            try PassConformance([LoSparsePass.self], pipeline: pipeline, needsCalibration: true).run()
        }
    }

    /// Scores over three steps and the neurons that stay, of rows and of columns, as NumPy makes them of the paper's equations.
    func testNeuronsAreThoseOfNumPy() throws {
        let (a, b) = (Matrix.random(9, 6, seed: 1), Matrix.random(5, 8, seed: 2))
        let gradients = (0..<3).map { (Matrix.random(9, 6, seed: 10 + UInt64($0)), Matrix.random(5, 8, seed: 20 + UInt64($0))) }
        for (areInputs, entries) in [(false, 50), (true, 41)] {
            var scores = NeuronScores(
                [
                    NeuronScores.Layer(rows: 9, columns: 6, areInputs: areInputs),
                    NeuronScores.Layer(rows: 5, columns: 8, areInputs: areInputs),
                ], smoothing: 0.7)
            for (first, second) in gradients {
                a.elements.withUnsafeBufferPointer { scores.add(0, values: $0, gradient: first.elements) }
                b.elements.withUnsafeBufferPointer { scores.add(1, values: $0, gradient: second.elements) }
            }
            let theirs = try NumPy.result(
                of: """
                    axis = \(areInputs ? 0 : 1)
                    found = []
                    for s, steps in ((a, (g0, g1, g2)), (b, (h0, h1, h2))):
                        gamma = 0
                        for g in steps: gamma = 0.7 * gamma + 0.3 * np.abs(s * g).mean(axis)
                        found.append(gamma)
                    left, masks = \(entries), [np.zeros(len(f)) for f in found]
                    for value, layer, neuron in sorted(((-v, l, i) for l, f in enumerate(found) for i, v in enumerate(f))):
                        size = (a, b)[layer].shape[axis]
                        if size <= left: masks[layer][neuron] = 1; left -= size
                    result = found + masks
                    """,
                [
                    "a": a, "b": b, "g0": gradients[0].0, "g1": gradients[1].0, "g2": gradients[2].0, "h0": gradients[0].1,
                    "h1": gradients[1].1, "h2": gradients[2].1,
                ])
            let count = scores.scores.joined().count
            for (ours, expected) in zip(scores.scores.joined(), theirs.prefix(count)) { XCTAssertEqual(ours, expected, accuracy: 1e-7) }
            let kept = scores.kept(entries: entries)
            XCTAssertEqual(kept.joined().map { $0 ? 1.0 : 0 }, Array(theirs.suffix(count)))
            XCTAssertTrue(kept.joined().contains(true) && kept.joined().contains(false))
        }
    }

    /// All, then the cubic, by hand, then what is asked for.
    func testSchedule() {
        let schedule = CubicSchedule(steps: 20, before: 4, after: 6, last: 0.2)
        XCTAssertEqual([0, 3, 4].map { schedule.share($0) }, [1, 1, 1])
        XCTAssertEqual(schedule.share(9), 0.2 + 0.8 * 0.125, accuracy: 1e-12)
        XCTAssertEqual([14, 19].map { schedule.share($0) }, [0.2, 0.2])
    }

    /// The budget is kept, S is whole neurons, and training makes the loss less than that of what is left when no value moves.
    func testWhatIsLeft() throws {
        let original = try SampleModel.graph()
        func run(_ options: String) throws -> (graph: TensorGraph, loss: Double, report: PassReport) {
            let calibration = try QuadraticCalibration(original, sequences: 8)
            let context = PassContext(execution: ExecutionContext(threads: 2), seed: 0, original: original, calibration: calibration)
            var graph = original
            let pipeline = try Pipeline(parsing: "losparse{keep=0.5 rank-ratio=0.4 \(options)}")
            let report = try PassManager(pipeline, catalog: PassCatalog([LoSparsePass.self])).run(&graph, context)[0]
            return (graph, try XCTUnwrap(report.measurement("loss.final")) - 1, report)
        }
        for neurons in ["outputs", "inputs"] {
            let still = try run("neurons=\(neurons) passes=20 rate=0")
            let (graph, loss, report) = try run("neurons=\(neurons) passes=60 rate=0.05")
            XCTAssertLessThan(loss, 0.92 * still.loss, neurons)
            let kept = try XCTUnwrap(report.measurement("parameters.kept"))
            let budget = try XCTUnwrap(report.measurement("budget"))
            XCTAssertTrue(kept <= budget && kept > 0.97 * budget, "\(kept) of \(budget)")
            for tensor in graph.tensors where tensor.role == .linear {
                let (m, n) = (tensor.shape.rows, tensor.shape.columns)
                XCTAssertEqual(tensor.payload.rank, Int(0.4 * Double(m * n / 2)) / (m + n), tensor.name)
                guard let entries = tensor.payload.terms.last, case .sparse = entries else { continue }
                let s = Matrix(rows: m, columns: n, elements: try entries.densifiedFloats())
                let counts =
                    neurons == "outputs"
                    ? (0..<m).map { row in (0..<n).count { s[row, $0] != 0 } }
                    : (0..<n).map { column in (0..<m).count { s[$0, column] != 0 } }
                XCTAssertTrue(counts.allSatisfy { $0 == 0 || $0 == (neurons == "outputs" ? n : m) }, "\(tensor.name): \(counts)")
            }
        }
    }

    func testRefusals() throws {
        for (options, words) in [
            ("keep=0", "keep=0"), ("neurons=both", "neurons"), ("smoothing=1", "smoothing"), ("rank-ratio=2", "rank-ratio"),
        ] {
            let run = PassConformance([LoSparsePass.self], pipeline: "losparse{\(options)}", needsCalibration: true)
            XCTAssertThrowsError(try run.apply(to: SampleModel.graph())) { XCTAssertTrue("\($0)".contains(words), "\($0)") }
        }
    }
}
