import Execution
import LinearAlgebra
import ModelGraph
import PassKit
import TestSupport
import Wanda
import XCTest

@testable import BESA

final class BESATests: XCTestCase {
    private let passes: [any Pass.Type] = [BESAPass.self, WandaPass.self]

    func testConformance() throws {
        for pipeline in ["besa{passes=2}", "besa{passes=1 rates=layer keep=0.3 batch=3 candidates=10}"] {
            try PassConformance(passes, pipeline: pipeline, needsCalibration: true).run()
        }
    }

    /// Mask, objective and gradient of θ, against torch's automatic differentiation of the paper's section 3.2, whose mask is a step that gradients go
    /// straight through.
    func testRatesMaskAndGradientAreThoseOfTorch() throws {
        let weight = SampleModel.heavyTailed(12, 40, seed: 1)
        let norms = (0..<40).map { 0.2 + Float($0 * 7 % 11) }
        let inputs = Matrix.random(30, 40, seed: 2)
        for (perRow, candidates) in [(false, 10), (true, 16)] {
            var rates = PruningRates(weight, norms: norms, candidates: candidates, perRow: perRow, sparsity: 0.4)
            let theta = Matrix.random(rates.groupCount, candidates, seed: 3)
            rates.set(logits: theta.elements.map { 2 * Double($0) })
            // L = ‖X (W ⊙ M)ᵀ − X Wᵀ‖² + 3·(s − 0.5)², s the share of all entries that is pruned.
            let masked = rates.masked()
            let difference = masked - weight
            let outputGradient = inputs.times(difference, otherAs: .transposed)
            let gradient = outputGradient.times(inputs, .transposed)
            let doubled = Matrix(rows: 12, columns: 40, elements: gradient.elements.map { 2 * $0 })
            let sparsity = Double(rates.prunedCount) / 480
            let ours = rates.gradient(doubled, ofRates: 2 * 3 * (sparsity - 0.5) * Double(rates.groupSize) / 480)
            let theirs = try NumPy.result(
                of: """
                    import torch
                    w, x, c, theta = (torch.tensor(a) for a in (w, x, c[0], 2 * theta))
                    theta.requires_grad_(True)
                    D, n = theta.shape[1], w.shape[1]
                    rank = (w.abs() * c).argsort(dim=1, stable=True).argsort(dim=1, stable=True)
                    k = (rank * D) // n
                    beta = torch.softmax(theta, 1)
                    later = torch.stack([beta[:, d + 1:].sum(1) for d in range(D)], 1)
                    alpha = (beta * torch.arange(D) / D).sum(1)
                    p = torch.gather(later.expand(len(w), D), 1, k)
                    hard = (p < alpha[:, None]).double()
                    mask = hard.detach() - (p - p.detach())
                    s = alpha.mean() + ((1 - hard).mean() - alpha.mean()).detach()
                    loss = ((x @ (w * mask - w).T) ** 2).sum() + 3 * (s - 0.5) ** 2
                    loss.backward()
                    result = [(w * hard).detach().numpy(), theta.grad.numpy(), (1 - hard).mean().detach().numpy()]
                    """,
                ["w": weight, "x": inputs, "c": Matrix(rows: 1, columns: 40, elements: norms), "theta": theta])
            XCTAssertEqual(masked.elements.map(Double.init), Array(theirs.prefix(480)))
            XCTAssertEqual(sparsity, try XCTUnwrap(theirs.last), accuracy: 1e-12)
            let expected = theirs[480..<480 + ours.count]
            let largest = expected.map(abs).max() ?? 0
            XCTAssertGreaterThan(largest, 1e-3)
            for (a, b) in zip(ours, expected) { XCTAssertEqual(a, b, accuracy: 1e-5 * largest) }
        }
    }

    /// The first step of Adam moves every θ by the rate, against its gradient.
    func testAStepGoesAgainstTheGradient() {
        var rates = PruningRates(
            Matrix.random(4, 8, seed: 1), norms: [Float](repeating: 1, count: 8), candidates: 4, perRow: false, sparsity: 0.5)
        let before = rates.logits
        rates.move(against: [1, -2, 0.5, -0.1], rate: 0.25, step: 1)
        for (change, expected) in zip(zip(rates.logits, before).map { $0 - $1 }, [-0.25, 0.25, -0.25, 0.25]) {
            XCTAssertEqual(change, expected, accuracy: 1e-9)
        }
    }

    /// All together exactly as many as there are to keep, with the order of the shares.
    func testCountsAreExact() {
        for total in [0, 1, 7, 50, 99, 100, 160] {
            let counts = ExactCounts([0.9, 0.1, 0.5, 0.5], sizes: [40, 40, 40, 40], total: total).kept
            XCTAssertEqual(counts.reduce(0, +), total)
            XCTAssertTrue(counts.allSatisfy { (0...40).contains($0) }, "\(counts)")
            XCTAssertTrue(
                counts[0] >= counts[2] && counts[2] >= counts[1] && counts[2] - counts[3] <= 1 && counts[3] <= counts[2], "\(counts)")
        }
        XCTAssertEqual(ExactCounts([0.75, 0.25], sizes: [8, 8], total: 8).kept, [6, 2])
    }

    /// Where errors of some layers cost much more than those of others in their block, these keep more, and the loss is less than with Wanda's equal
    /// shares; of the budget no block gets more than another.
    func testLayersThatMatterKeepMore() throws {
        let original = try SampleModel.graph()
        let important = original.tensors.map(\.name).filter { $0.hasSuffix("mlp.up_proj.weight") }
        let weights = Dictionary(uniqueKeysWithValues: important.map { ($0, 30.0) })
        func run(_ pipeline: String) throws -> (graph: TensorGraph, loss: Double, report: PassReport) {
            let calibration = try QuadraticCalibration(original, sequences: 8, importance: weights)
            let context = PassContext(execution: ExecutionContext(threads: 2), seed: 0, original: original, calibration: calibration)
            var graph = original
            let reports = try PassManager(try Pipeline(parsing: pipeline), catalog: PassCatalog(passes)).run(&graph, context)
            let losses = try calibration.losses(sequences: Array(0..<8), of: graph)
            return (graph, losses.reduce(0, +) / 8 - 1, try XCTUnwrap(reports.last))
        }
        let wanda = try run("wanda{keep=0.4}")
        for rates in ["layer", "row"] {
            let (graph, loss, report) = try run("besa{keep=0.4 rates=\(rates) passes=60 batch=8 rate=0.1}")
            XCTAssertLessThan(loss, 0.8 * wanda.loss, rates)
            let total = original.tensors.filter { $0.role == .linear }.reduce(0) { $0 + $1.shape.elementCount }
            XCTAssertEqual(report.measurement("parameters.kept"), Double(Int(0.4 * Double(total))))
            for block in 0..<2 {
                let own = graph.tensors.filter { $0.name.contains("layers.\(block).") && $0.role == .linear }
                let kept = own.reduce(0) { $0 + $1.payload.parameterCount }
                XCTAssertEqual(Double(kept), 0.4 * Double(own.reduce(0) { $0 + $1.shape.elementCount }), accuracy: 1)
                for tensor in own where important.contains(tensor.name) {
                    XCTAssertGreaterThan(try XCTUnwrap(tensor.payload.density), 0.45, rates)
                }
            }
            // Values are those of the original.
            for tensor in graph.tensors where tensor.role == .linear {
                let (new, old) = (try tensor.payload.densifiedFloats(), try XCTUnwrap(original[tensor.name]).payload.densifiedFloats())
                XCTAssertTrue(zip(new, old).allSatisfy { $0 == 0 || $0 == $1 }, tensor.name)
            }
        }
    }

    func testRefusals() throws {
        for (options, words) in [
            ("keep=0", "keep=0"), ("candidates=1", "candidates"), ("rates=block", "rates"), ("layers=embedding", "inside blocks"),
        ] {
            XCTAssertThrowsError(
                try PassConformance(passes, pipeline: "besa{\(options)}", needsCalibration: true).apply(to: SampleModel.graph())
            ) { XCTAssertTrue("\($0)".contains(words), "\($0)") }
        }
    }
}
