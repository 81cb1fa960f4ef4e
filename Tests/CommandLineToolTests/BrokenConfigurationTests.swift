import Foundation
import TestSupport
import XCTest

/// Folders of a known family whose config.json lacks what the family has: tensors go where nothing of the family is needed, with a warning, and
/// nothing else is done with them.
final class BrokenConfigurationTests: XCTestCase, MadeModels {
    static var folder: TemporaryFolder?
    private static let key = "config.json has no integer 'num_experts'"

    override class func setUp() {
        folder = try? TemporaryFolder()
        let script = """
            import json, os, sys
            import numpy as np
            from safetensors.numpy import save_file
            os.chdir(sys.argv[1])
            os.mkdir('model')
            names = ['model.embed_tokens.weight', 'model.layers.0.mlp.experts.0.gate_proj.weight']
            save_file({name: np.arange(64, dtype=np.float32).reshape(8, 8) + place for place, name in enumerate(names)}, 'model/model.safetensors')
            sizes = dict(vocab_size=8, hidden_size=8, intermediate_size=8, num_hidden_layers=1, num_attention_heads=2, num_key_value_heads=2)
            json.dump(dict(sizes, model_type='qwen3_moe', architectures=['Qwen3MoeForCausalLM']), open('model/config.json', 'w'))
            """
        if (try? PythonProcess.run(script, [folder?.path ?? ""])) == nil { folder = nil }
    }
    override class func tearDown() { folder = nil }

    func testTensorsGoOnWithAWarning() throws {
        for (output, format) in [("m.npz", nil), ("m.caplet", nil), ("again", "safetensors"), ("half", "safetensors")] {
            let half = output == "half" ? " --dtype bf16" : ""
            let made = try caplet("convert model -o \(output)" + (format.map { " --to \($0)" } ?? "") + half)
            XCTAssertTrue(made.errors.contains("model: \(BrokenConfigurationTests.key); the tensors are taken"), made.errors)
        }
        try XCTAssertTrue(caplet("convert m.caplet -o back --to safetensors").errors.contains(BrokenConfigurationTests.key))
        try XCTAssertTrue(caplet("diff model back").output.contains("2 of 2 common tensors equal"))
        try XCTAssertTrue(caplet("inspect model").output.contains("not known     \(BrokenConfigurationTests.key)"))
        _ = try PythonProcess.run(
            """
            import os, sys
            import numpy as np
            from safetensors.numpy import load_file
            os.chdir(sys.argv[1])
            before, packed = load_file('model/model.safetensors'), np.load('m.npz')
            assert len(before) == 2 and sorted(packed.files) == ['config.json'] + sorted(before), packed.files
            for there in (packed, load_file('again/model.safetensors'), load_file('back/model.safetensors')):
                assert all(np.array_equal(there[name], before[name]) and there[name].dtype == np.float32 for name in before)
            for folder in ('again', 'back'): assert open(f'{folder}/config.json').read() == open('model/config.json').read()
            """, [path()])
    }

    func testWhatNeedsTheFamilyIsRefused() throws {
        for command in [
            "convert model -o m.gguf", "convert model -o refused.npz --dequantize", "compress model -o refused.caplet --pipeline magnitude",
            "run model -p a",
        ] { try XCTAssertTrue(caplet(command, status: 65).errors.contains("model: \(BrokenConfigurationTests.key)"), command) }
        try XCTAssertTrue(caplet("verify model", status: 1).errors.contains(BrokenConfigurationTests.key))
        try XCTAssertTrue(caplet("convert model -o refused.npz --strict", status: 2).errors.contains("nothing was written"))
        for name in ["m.gguf", "refused.npz", "refused.caplet"] {
            XCTAssertFalse(FileManager.default.fileExists(atPath: try path(name)), name)
        }
    }
}
