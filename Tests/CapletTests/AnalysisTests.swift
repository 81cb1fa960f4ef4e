import Caplet
import Foundation
import TestSupport
import XCTest

/// What changing one layer does, beside transformers with the same layer changed.
final class AnalysisTests: XCTestCase {
    /// The rises of a layer and a block, their standard errors, and the cosines of hidden states.
    private static let reference = """
        import sys, numpy as np, torch
        from transformers import AutoModelForCausalLM
        torch.set_grad_enabled(False)
        model = AutoModelForCausalLM.from_pretrained(sys.argv[1], dtype=torch.float32)
        rows = torch.from_numpy(np.load(sys.argv[2]).astype(np.int64))
        def losses():
            logits = model(rows).logits.double().log_softmax(-1)
            return -logits[:, :-1].gather(-1, rows[:, 1:, None])[..., 0].mean(-1).numpy()
        def effect(*layers):
            kept = [layer.weight.data.clone() for layer in layers]
            for layer in layers: layer.weight.data.zero_()
            rise = losses() - before
            for layer, weight in zip(layers, kept): layer.weight.data.copy_(weight)
            return [rise.mean(), rise.std(ddof=1) / np.sqrt(len(rise))]
        before, block = losses(), model.model.layers[2]
        linear = [m for m in block.modules() if isinstance(m, torch.nn.Linear)]
        states = model(rows, output_hidden_states=True).hidden_states
        cosine = torch.nn.functional.cosine_similarity
        found = [before.mean(), *effect(block.mlp.down_proj), *effect(*linear)]
        found += [cosine(states[i].double(), states[i + 1].double(), dim=-1).mean().item() for i in range(len(states) - 2)]
        print(*found)
        """

    func testEffectsAreThoseOfTransformers() throws {
        let folder = try TemporaryFolder()
        let ids = folder.path("ids.npy")
        try PythonProcess.run(
            "import sys, numpy as np; np.save(sys.argv[1], np.random.default_rng(5).integers(5, 2000, (6, 24)).astype(np.int32))", [ids])
        let expected = try PythonProcess.run(AnalysisTests.reference, [BundledModel.folder, ids])
            .split { $0 == " " || $0 == "\n" }.compactMap { Double($0) }
        XCTAssertEqual(expected.count, 5 + 5)
        var request = AnalysisRequest(model: BundledModel.folder)
        request.calibration = CalibrationText(.tokens(ids), sequences: 6)
        request.alternatives = [
            try AnalysisAlternative(name: "nothing", pipeline: "magnitude{keep=1}"),
            try AnalysisAlternative(name: "half", pipeline: "magnitude{keep=0.5}"),
        ]
        request.reportPath = folder.path("r.html")
        let found = try Workspace(threads: 2).perform(request)
        XCTAssertEqual(found.loss, expected[0], accuracy: 1e-4)
        XCTAssertEqual(found.layers.count, 42)
        XCTAssertEqual(found.blocks.count, 6)
        for layer in found.layers {
            XCTAssertEqual(layer.effects.map(\.alternative), ["nothing", "half", "removed"])
            XCTAssertEqual(layer.effects[0].rise, 0, accuracy: 1e-6, layer.name)
            XCTAssertNotEqual(layer.effects[1].rise, 0, layer.name)
        }
        let layer = try XCTUnwrap(found.layers.first { $0.name == "model.layers.2.mlp.down_proj.weight" })
        let (removed, block) = (layer.effects[2], try XCTUnwrap(found.blocks[2].removal))
        for (ours, theirs) in zip([removed.rise, removed.standardError, block.rise, block.standardError], expected[1...]) {
            XCTAssertEqual(try XCTUnwrap(ours), theirs, accuracy: 2e-4)
        }
        for (ours, theirs) in zip(found.blocks, expected[5...]) { XCTAssertEqual(ours.cosine, theirs, accuracy: 1e-4) }
        // 42 layers changed in three ways; scipy.stats.t.cdf(-2, 5) is 0.05097.
        XCTAssertEqual(found.fallsByChance, 126 * 0.0509697, accuracy: 1e-3)
        XCTAssertEqual(found.falls, found.fallingLayers.count)
        // Spectra of the first, the middle and the last block: what robust PCA leaves has fewer values, and the largest is the matrix's or less.
        let spectra = found.layers.compactMap(\.spectra)
        XCTAssertEqual(spectra.count, 3 * 7)
        for one in spectra {
            XCTAssertEqual(one.whole, one.whole.sorted(by: >))
            XCTAssertLessThanOrEqual(one.lowRank.count, one.whole.count)
            XCTAssertLessThan(one.lowRank.reduce(0, +), one.whole.reduce(0, +))
            XCTAssertGreaterThan(one.sparseShare, 0)
        }
        XCTAssertLessThan(spectra.reduce(0) { $0 + $1.lowRank.count }, spectra.reduce(0) { $0 + $1.whole.count })
        let page = try String(contentsOfFile: folder.path("r.html"), encoding: .utf8)
        XCTAssertTrue(page.contains("<title>An analysis by Caplet</title>"))
        // Three changes of layers, two figures of blocks, two spectra of each of three blocks.
        XCTAssertEqual(page.components(separatedBy: "<figure>").count - 1, 3 + 2 + 6)
    }

    func testRefusals() throws {
        let workspace = try Workspace(threads: 1)
        XCTAssertThrowsError(try AnalysisAlternative(name: "removed", pipeline: "rpca"))
        XCTAssertThrowsError(try AnalysisAlternative(name: "", pipeline: "rpca"))
        var request = AnalysisRequest(model: BundledModel.folder)
        request.alternatives = [try AnalysisAlternative(name: "x", pipeline: "nosuch")]
        XCTAssertThrowsError(try workspace.perform(request)) { XCTAssertTrue("\($0)".contains("nosuch"), "\($0)") }
        request.alternatives = try [AnalysisAlternative(name: "x", pipeline: "rpca"), AnalysisAlternative(name: "x", pipeline: "wanda")]
        XCTAssertThrowsError(try workspace.perform(request)) { XCTAssertEqual(FailureKind($0), .usage) }
    }
}
