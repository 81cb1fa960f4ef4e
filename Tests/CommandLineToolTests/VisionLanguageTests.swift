import Foundation
import TestSupport
import XCTest

/// Models that see, of each class that is known, through the verbs: what transformers and llama.cpp compute of them on text, and what comes back.
final class VisionLanguageTests: XCTestCase, MadeModels {
    private static let seeing = [
        "llava", "llava-tied", "llava-pixtral", "llava-next", "gemma3", "mistral3", "qwen2vl", "qwen2.5vl", "qwen3vl", "smolvlm",
        "idefics3",
        "internvl", "llama4",
    ]
    /// The same, and one whose tower no mmproj file is made of.
    private static let carried = seeing + ["qwen3.5"]
    /// Those whose loss on text llama.cpp comes to as close as its kernels are.
    private static let inGGUF = seeing.filter { $0 != "llama4" }
    static var folder: TemporaryFolder?

    override class func setUp() {
        folder = try? TemporaryFolder()
        let script = "import runpy, sys; sys.argv = sys.argv[1:]; runpy.run_path(sys.argv[0], run_name='__main__')"
        let files = ["Tests/Environment/make_vision.py", "Tests/Fixtures/tokenizers"].map(Repository.path)
        let arguments = [files[0], folder?.path ?? "", files[1]] + carried + ["paligemma"]
        if (try? PythonProcess.run(script, arguments)) == nil { folder = nil }
    }
    override class func tearDown() { folder = nil }

    private func loss(_ name: String) throws -> Double {
        let text = String(decoding: try TemporaryFolder.bytes(of: path("\(name).loss")), as: UTF8.self)
        return try XCTUnwrap(Double(text))
    }

    func testLossOnTextIsThatOfTransformers() throws {
        for name in VisionLanguageTests.carried {
            XCTAssertEqual(try MeanLoss.of(name, tokens: "rows.npy", in: path()), try loss(name), accuracy: 1e-5, name)
        }
        let refused = try caplet("evaluate paligemma --tokens rows.npy", status: 69)
        XCTAssertTrue(refused.errors.contains("use_bidirectional_attention true"), refused.errors)
    }

    /// Through .caplet and back every tensor and file is as it was. After a pass over the language model the rest is, and transformers loads
    /// what comes of it, with the loss that is computed here; after one over the tower the language model is.
    func testPassesLeaveWhatSeesUnlessTheyAreAsked() throws {
        for name in VisionLanguageTests.carried {
            try caplet("convert \(name) -o \(name).caplet")
            try caplet("convert \(name).caplet -o \(name).back --to safetensors")
            try caplet("diff \(name) \(name).back")
            for file in try TemporaryFolder.files(under: path(name)) where !file.name.hasSuffix(".safetensors") {
                XCTAssertEqual(try TemporaryFolder.bytes(of: path("\(name).back/\(file.name)")), file.bytes, "\(name) \(file.name)")
            }
            try caplet("compress \(name) -o \(name).pruned --to safetensors --no-measure --pipeline 'magnitude{keep=0.5}'")
        }
        try caplet("compress gemma3 -o gemma3.blind --to safetensors --no-measure --pipeline 'magnitude{keep=0.5 layers=vision}'")
        let text = Repository.path("Examples/text/speeches-calibration.txt")
        try caplet(
            "compress qwen2vl -o qwen2vl.text --to safetensors --no-measure --pipeline 'wanda{keep=0.5}' --calibration \(text) --context 32 "
                + "--calibration-sequences 4")
        let ours = try VisionLanguageTests.carried.map { try MeanLoss.of("\($0).pruned", tokens: "rows.npy", in: path()) }
        let output = try PythonProcess.run(
            """
            import sys, os
            sys.path.insert(0, sys.argv[1]); os.chdir(sys.argv[2])
            import numpy as np, torch, make_vision
            from safetensors.torch import load_file
            def seen(key): return 'vision' in key or 'visual' in key or 'projector' in key or 'connector' in key or 'image_newline' in key
            def changed(a, b):
                a, b = load_file(f'{a}/model.safetensors'), load_file(f'{b}/model.safetensors')
                assert a.keys() == b.keys()
                return {key for key in a if not torch.equal(a[key].view(torch.uint8), b[key].view(torch.uint8))}
            for name in sys.argv[3:]: assert not changed(name, f'{name}.back'), name
            for other in ['qwen2vl.text'] + [f'{name}.pruned' for name in sys.argv[3:]]:
                keys = changed(other.rsplit('.', 1)[0], other)
                assert len(keys) >= 14 and not any(seen(key) for key in keys), (other, keys)
            keys = changed('gemma3', 'gemma3.blind')
            assert len(keys) == 14 and all(seen(key) for key in keys), keys
            ids = torch.from_numpy(np.load('rows.npy').astype(np.int64))
            for name in sys.argv[3:]:
                model = make_vision.MODELS[name][1].from_pretrained(f'{name}.pruned', dtype=torch.float32).eval()
                with torch.no_grad(): logits = model(input_ids=ids, attention_mask=torch.ones_like(ids)).logits
                print(torch.nn.functional.cross_entropy(logits[:, :-1].flatten(0, 1), ids[:, 1:].flatten()).item())
            """, [Repository.path("Tests/Environment"), path()] + VisionLanguageTests.carried)
        let theirs = output.split(separator: "\n").compactMap { Double($0) }
        XCTAssertEqual(theirs.count, ours.count)
        for (name, (found, expected)) in zip(VisionLanguageTests.carried, zip(ours, theirs)) {
            XCTAssertEqual(found, expected, accuracy: 1e-5, name)
            XCTAssertGreaterThan(abs(found - (try loss(name))), 1e-3, name)
        }
    }

    func testInspectionSaysWhatSees() throws {
        let text = try caplet("inspect llava").output
        XCTAssertTrue(text.contains("safetensors, llama"), text)
        // Three blocks of nine tensors, embedding, norm, head; the tower's three of sixteen, seven others, four of the projector.
        XCTAssertTrue(text.contains("30 tensors: run and compressed"), text)
        XCTAssertTrue(text.contains("59 tensors: what llava sees with, as it is"), text)
    }

    /// llama.cpp has transformers' loss on text; what is computed from an mmproj file's tensors and keys is what transformers' projector gives.
    func testFilesForLlamaCpp() throws {
        for name in VisionLanguageTests.seeing {
            let made = try caplet("convert \(name) -o \(name).gguf --mmproj mmproj-\(name).gguf")
            XCTAssertFalse(made.errors.contains("left out"), made.errors)
            XCTAssertTrue(made.output.contains("as mmproj"), made.output)
            XCTAssertEqual(try MeanLoss.of("\(name).gguf", tokens: "rows.npy", in: path()), try loss(name), accuracy: 1e-5, name)
        }
        try caplet("convert mistral3 -o mistral3.half --to safetensors --dtype bf16")
        try caplet("convert mistral3.half -o mistral3.half.gguf --mmproj mmproj-half.gguf")
        // The file alone is a model without a tower, that transformers has a class for.
        try caplet("convert qwen2vl.gguf -o qwen2vl.alone --to safetensors --strict")
        try caplet("convert gemma3.gguf -o gemma3.alone --to safetensors --strict")
        let output = try PythonProcess.run(
            """
            import sys, os
            sys.path.insert(0, sys.argv[1]); os.chdir(sys.argv[2])
            import gguf, numpy as np, torch
            from llama_perplexity import Scorer, row_losses
            from transformers import AutoModelForCausalLM
            from vision_features import features
            torch.set_num_threads(1)
            rows, towers = np.load('rows.npy'), sys.argv[3].split(',')
            for name in sys.argv[4:]: print(row_losses(Scorer(f'{name}.gguf', 48, 1), rows)[0].mean())
            for name, sections in [('qwen2vl', [2, 3, 3, 0]), ('qwen2.5vl', [2, 3, 3, 0]), ('qwen3vl', [2, 3, 3, 0])]:
                fields = gguf.GGUFReader(f'{name}.gguf').fields
                kind = fields['general.architecture'].contents()
                assert kind == ('qwen3vl' if name == 'qwen3vl' else 'qwen2vl'), kind
                assert fields[f'{kind}.rope.dimension_sections'].contents() == sections
            ids = torch.from_numpy(rows.astype(np.int64))
            for name in ('qwen2vl', 'gemma3'):
                model = AutoModelForCausalLM.from_pretrained(f'{name}.alone', dtype=torch.float32).eval()
                with torch.no_grad(): logits = model(ids).logits
                loss = torch.nn.functional.cross_entropy(logits[:, :-1].flatten(0, 1), ids[:, 1:].flatten()).item()
                assert abs(loss - float(open(f'{name}.loss').read())) < 1e-5, (name, loss)
            for name in towers:
                found, expected = features(f'mmproj-{name}.gguf', np.load(f'{name}.picture.npy')), np.load(f'{name}.features.npy')
                assert found.shape == expected.shape and np.abs(expected).max() > 0.1, name
                assert np.abs(found - expected).max() < 1e-4 * np.abs(expected).max(), (name, np.abs(found - expected).max())
            # Matrices stay BF16, and no more is lost than their rounding loses; vectors and kernels are F32, the row of the embeddings too.
            found, expected = features('mmproj-half.gguf', np.load('mistral3.picture.npy')), np.load('mistral3.features.npy')
            assert 0 < np.abs(found - expected).max() < 0.03 * np.abs(expected).max(), np.abs(found - expected).max()
            for tensor in gguf.GGUFReader('mmproj-half.gguf').tensors:
                assert tensor.tensor_type.name == ('BF16' if len(tensor.shape) == 2 else 'F32'), (tensor.name, tensor.tensor_type)
            # What says how a picture is cut into tiles is nothing that one tile's outputs show.
            def field(name, key): return gguf.GGUFReader(f'mmproj-{name}.gguf').fields[f'clip.vision.{key}'].contents()
            assert field('llava-next', 'image_grid_pinpoints') == [56, 28, 28, 56, 84, 28]
            assert field('internvl', 'preproc_min_tiles') == 2 and field('internvl', 'preproc_max_tiles') == 6
            assert field('smolvlm', 'preproc_image_size') == 84 and field('mistral3', 'spatial_merge_size') == 2
            # llama.cpp has one block less where the file does not say which block's outputs are projected.
            assert all(field(name, 'feature_layer') == [2] for name in ('llava', 'llava-next')) and field('llava-tied', 'feature_layer') == [1]
            """,
            [Repository.path("Tests/Environment"), path(), VisionLanguageTests.seeing.joined(separator: ",")]
                + VisionLanguageTests.inGGUF)
        let theirs = output.split(separator: "\n").compactMap { Double($0) }
        XCTAssertEqual(theirs.count, VisionLanguageTests.inGGUF.count)
        for (name, found) in zip(VisionLanguageTests.inGGUF, theirs) {
            let expected = try loss(name)
            XCTAssertEqual(found, expected, accuracy: 5e-4 * expected, name)
        }
        // An mmproj file is read as what it is, and is no model.
        let tower = try caplet("inspect mmproj-llava.gguf")
        XCTAssertTrue(tower.errors.contains("holds no model but a mmproj"), tower.errors)
        try caplet("evaluate mmproj-llava.gguf --tokens rows.npy", status: 69)
    }

    func testTowersThatHaveNoFileAreRefusedByName() throws {
        let changes = [
            ("paligemma", "", "there is no mmproj for paligemma"), ("llava", "vision/model_type='dinov2'", "the tower 'dinov2'"),
            ("llava-pixtral", "vision_feature_select_strategy='default'", "vision_feature_select_strategy other than full"),
            ("llava-tied", "vision_feature_layer=[-1, -2]", "several values of 'vision_feature_layer'"),
            ("mistral3", "vision/head_dim=8", "a head_dim that is not hidden_size over heads"),
            ("mistral3", "text/rms_norm_eps=1e-6", "an rms_norm_eps in text_config other than 1e-5"),
            ("mistral3", "vision/rope_parameters={'rope_theta': 5000.0}", "a rope_theta other than 10000"),
            ("qwen3vl", "vision/num_position_embeddings=15", "num_position_embeddings 15, which is no square"),
            ("qwen3vl", "vision/deepstack_visual_indexes=[0, 3]", "deepstack_visual_indexes that are not some of its 3 blocks"),
            ("qwen3vl", "vision/spatial_merge_size=1", "spatial_merge_size other than 2"),
            ("internvl", "vision/norm_type='rms_norm'", "norm_type other than layer_norm"),
            ("internvl", "vision/image_size=[28, 21]", "no integer 'image_size'"),
            ("internvl", "downsample_ratio=0.3", "whose inverse is not whole"),
            ("llava-next", "image_grid_pinpoints=[[30, 56]]", "image_grid_pinpoints that are not whole tiles of 28"),
            ("llama4", "vision/hidden_act='relu'", "the activation 'relu'"), ("idefics3", "scale_factor=0", "a size of 0"),
        ]
        _ = try PythonProcess.run(
            """
            import json, os, shutil, sys
            os.chdir(sys.argv[1])
            for number, change in enumerate(sys.argv[2:]):
                name, change = change.split(' ', 1)
                shutil.copytree(name, f'refused{number}')
                config = json.load(open(f'{name}/config.json'))
                if change:
                    key, value = change.split('=', 1)
                    part = config
                    if '/' in key: part, key = config[key.split('/')[0] + '_config'], key.split('/')[1]
                    part[key] = eval(value)
                json.dump(config, open(f'refused{number}/config.json', 'w'))
            """, [path()] + changes.map { "\($0.0) \($0.1)" })
        for (number, change) in changes.enumerated() {
            let refused = try caplet("convert refused\(number) -o refused.gguf --mmproj refused-mmproj.gguf", status: 69)
            XCTAssertTrue(refused.errors.contains(change.2), "\(change) \(refused.errors)")
        }
        let made = try caplet("convert mistral3 -o mistral3.gguf --force")
        XCTAssertTrue(made.errors.contains("24 tensors of the vision tower and projector are left out"), made.errors)
        let refused = try caplet("convert mistral3.gguf -o refused.gguf --mmproj refused-mmproj.gguf", status: 69)
        XCTAssertTrue(refused.errors.contains("does not see"), refused.errors)
        XCTAssertTrue(try caplet("convert llava -o refused --to safetensors --mmproj m.gguf", status: 64).errors.contains("goes with gguf"))
        for (name, file, text) in [
            ("gemma3", "preprocessor_config.json", "image_mean"), ("mistral3", "tokenizer_config.json", "[IMG_BREAK]"),
            ("smolvlm", "preprocessor_config.json", "image_mean"),
        ] {
            try CapletProcess.shell("rm -rf bare && cp -r \(name) bare && rm bare/\(file)", in: path()).expectSuccess()
            let bare = try caplet("convert bare -o refused.gguf --mmproj m.gguf", status: 69)
            XCTAssertTrue(bare.errors.contains(text), bare.errors)
        }
        try CapletProcess.shell("cp gemma3/preprocessor_config.json bare", in: path()).expectSuccess()
        XCTAssertTrue(try caplet("convert bare -o refused.gguf --mmproj m.gguf", status: 69).errors.contains("longest_edge"))
        for name in ["refused.gguf", "refused-mmproj.gguf", "m.gguf", "refused"] {
            XCTAssertFalse(FileManager.default.fileExists(atPath: try path(name)), name)
        }
    }
}
