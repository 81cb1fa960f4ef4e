import Foundation
import TestSupport
import XCTest

/// Every family through the verbs: to GGUF and back, in llama.cpp, and through the passes.
final class FamilyConversionTests: XCTestCase, MadeModels {
    /// What llama.cpp computes as transformers does.
    private static let runsInLlamaCpp = [
        "llama", "linear", "mistral-wide", "qwen2-full", "qwen3", "gemma", "gemma2-usual", "gemma3-usual", "phi", "phi3-usual",
        "phi3-part", "phi3-longrope", "phi3-longrope-short", "smollm3-usual", "granite", "olmo", "olmo2", "exaone4-full", "stablelm",
        "stablelm-parallel", "stablelm-norms", "starcoder2-full",
        "gptneox", "falcon-heads", "falcon-two-norms", "falcon-one-norm", "cohere", "cohere-norms-usual", "cohere2-usual", "glm-usual",
        "glm4",
        "nemotron-usual", "bloom", "gpt2", "mixtral-one", "mixtral-wide", "olmoe-usual", "qwen2moe", "qwen3moe", "gptoss-usual",
        "granitemoe",
        "granitemoe-shared", "deepseek2-usual", "deepseek2-lite", "deepseek3-usual", "llama4-usual", "yarn", "yarn-usual", "mamba-usual",
        "falcon-mamba-usual", "mamba2-usual", "ministral3-usual", "arcee-usual", "seed-oss-usual", "ernie-usual", "olmo3-usual", "glm4moe",
        "glm4moe-usual", "dots1-usual", "minimaxm2", "granite4-usual", "granite4-experts", "granite4-dense", "nemotronh-usual",
        "lfm2-usual", "qwen35-usual",
    ]
    private static let others = [
        "mistral", "ministral", "qwen2", "gemma2", "gemma3", "phi3", "smollm3", "exaone4", "starcoder2", "gptneox-sequence", "gptj",
        "falcon", "falcon-sequence", "falcon-alibi-sequence", "cohere-norms", "cohere2", "glm", "nemotron", "opt", "bert", "roberta",
        "xlm-roberta", "electra",
        "electra-small", "distilbert", "deberta", "albert", "albert-groups", "modernbert", "bert-classes", "modernbert-classes", "mixtral",
        "qwen2moe-dense", "qwen3moe-dense", "olmoe",
        "gptoss", "deepseek2", "deepseek3", "llama4", "mamba", "falcon-mamba", "mamba2",
        "ministral3", "arcee", "seed-oss", "ernie", "dots1", "gptneo", "camembert", "olmo3", "granite4", "bamba", "lfm2",
    ]
    static var folder: TemporaryFolder?

    /// What neither llama.cpp nor a file of it has, and what the refusal says.
    private static let refused = [
        "dynamic": "rope_scaling 'dynamic'", "llama-longrope": "rope_scaling 'longrope'", "falcon-alibi": "alibi true",
        "qwen35": "more heads of values, 6, than of keys, 2",
    ]

    override class func setUp() { folder = try? FamilyCheckpoints.folder(runsInLlamaCpp + others + refused.keys.sorted()) }
    override class func tearDown() { folder = nil }

    /// llama.cpp sets attributes of Phi-3's own tokens in models whose name says that they are Phi-3.
    private func convert(_ name: String, to output: String, _ options: String = "") throws -> CapletProcess {
        try caplet("convert \(name) -o \(output) --metadata general.name:str=Test \(options)")
    }

    /// Tensors bit for bit, and every other file byte for byte.
    func testThereAndBack() throws {
        let names = FamilyConversionTests.runsInLlamaCpp + FamilyConversionTests.others
        for name in names {
            let there = try convert(name, to: "\(name).gguf", "--embed-files")
            if FamilyConversionTests.runsInLlamaCpp.contains(name) { XCTAssertEqual(there.errors, "", name) }
            let back = try caplet("convert \(name).gguf -o \(name).back --to safetensors")
            XCTAssertEqual(back.errors, "", name)
            for file in try TemporaryFolder.files(under: path(name)) where !file.name.hasSuffix(".safetensors") {
                XCTAssertEqual(try TemporaryFolder.bytes(of: path("\(name).back/\(file.name)")), file.bytes, "\(name) \(file.name)")
            }
        }
        try PythonProcess.run(
            """
            import sys, torch
            from safetensors.torch import load_file
            for name in sys.argv[2:]:
                a, b = (load_file(f'{sys.argv[1]}/{name}{end}/model.safetensors') for end in ('', '.back'))
                assert a.keys() == b.keys() and len(a) > 10, (name, a.keys() ^ b.keys())
                for k in a:
                    assert a[k].dtype == b[k].dtype and a[k].shape == b[k].shape, (name, k)
                    assert torch.equal(a[k].view(torch.uint8), b[k].view(torch.uint8)), (name, k)
            """, [path()] + names)
    }

    func testWhatLlamaCppDoesNotComputeIsRefused() throws {
        for (name, words) in FamilyConversionTests.refused {
            let refused = try caplet("convert \(name) -o \(name).gguf", status: 69)
            XCTAssertTrue(refused.errors.contains(words), refused.errors)
            try caplet("convert \(name) -o \(name).caplet")
            try caplet("convert \(name).caplet -o \(name).back --to safetensors")
            try caplet("diff \(name) \(name).back")
        }
    }

    func testLlamaCppHasTheSameLoss() throws {
        let names = FamilyConversionTests.runsInLlamaCpp
        for name in names { _ = try convert(name, to: "\(name).run.gguf") }
        // One process for all of them: importing takes seconds.
        let output = try PythonProcess.run(
            """
            import sys, json, numpy as np
            sys.path.insert(0, sys.argv[1])
            from llama_perplexity import Scorer, row_losses
            for name in sys.argv[3:]:
                size = json.load(open(f'{sys.argv[2]}/{name}/config.json'))['vocab_size']
                rows = np.array([[(i * 41 + 5 + 3 * r) % size for i in range(48)] for r in range(4)], dtype=np.int32)
                np.save(f'{sys.argv[2]}/{name}.npy', rows)
                print(row_losses(Scorer(f'{sys.argv[2]}/{name}.run.gguf', 48, 1), rows)[0].mean())
            """, [Repository.path("Tests/Environment"), path()] + names)
        let theirs = output.split(separator: "\n").compactMap { Double($0) }
        XCTAssertEqual(theirs.count, names.count)
        for (name, loss) in zip(names, theirs) {
            for model in [name, "\(name).run.gguf"] {
                // 0.5 % is asked for; floats give far less.
                XCTAssertEqual(try MeanLoss.of(model, tokens: "\(name).npy", in: path()), loss, accuracy: 5e-4 * loss, model)
            }
        }
    }

    /// Blocks that predict further tokens are carried, but to GGUF; a file of llama.cpp that has them is the model without them.
    func testBlocksThatPredictFurtherTokens() throws {
        try PythonProcess.run(
            """
            import sys, json, shutil, numpy, torch
            from safetensors.torch import load_file, save_file
            numpy.save(f'{sys.argv[1]}/further.npy', (numpy.arange(60, dtype=numpy.int32).reshape(2, 30) * 41 + 5) % 251)
            for name in ('glm4moe-usual', 'deepseek3-usual'):
                folder = f'{sys.argv[1]}/{name}.further'
                shutil.copytree(f'{sys.argv[1]}/{name}', folder)
                tensors = load_file(f'{folder}/model.safetensors')
                for key in list(tensors):
                    if key.startswith('model.layers.2.'): tensors[key.replace('layers.2.', 'layers.3.')] = tensors[key].clone()
                tensors['model.layers.3.eh_proj.weight'] = torch.randn(64, 128)
                for key in ('enorm', 'hnorm', 'shared_head.norm'): tensors[f'model.layers.3.{key}.weight'] = torch.randn(64)
                save_file(tensors, f'{folder}/model.safetensors', metadata={'format': 'pt'})
                config = json.load(open(f'{folder}/config.json'))
                json.dump(dict(config, num_nextn_predict_layers=1), open(f'{folder}/config.json', 'w'))
            """, [path()])
        func loss(of model: String) throws -> Double { try MeanLoss.of(model, tokens: "further.npy", in: path()) }
        for name in ["glm4moe-usual", "deepseek3-usual"] {
            let folder = "\(name).further"
            let there = try convert(folder, to: "\(folder).gguf")
            XCTAssertTrue(there.errors.contains("tensors of blocks that predict further tokens are left out"), there.errors)
            _ = try convert(name, to: "\(name).alone.gguf")
            XCTAssertEqual(try loss(of: "\(folder).gguf"), try loss(of: "\(name).alone.gguf"), name)
            XCTAssertEqual(try loss(of: folder), try loss(of: name), name)
            try caplet("convert \(folder) -o \(folder).caplet")
            try caplet("convert \(folder).caplet -o \(folder).back --to safetensors")
            XCTAssertEqual(
                try TemporaryFolder.bytes(of: path("\(folder).back/model.safetensors")),
                try TemporaryFolder.bytes(of: path("\(folder)/model.safetensors")), name)
        }
        try PythonProcess.run(
            """
            import sys, numpy as np, gguf
            reader = gguf.GGUFReader(f'{sys.argv[1]}/glm4moe-usual.alone.gguf')
            writer = gguf.GGUFWriter(f'{sys.argv[1]}/glm4moe.foreign.gguf', 'glm4moe')
            for key, field in reader.fields.items():
                if key.startswith(('GGUF.', 'general.architecture', 'caplet.')) or key == 'glm4moe.block_count': continue
                kind = field.types[0]
                if kind == gguf.GGUFValueType.ARRAY: writer.add_array(key, field.contents())
                else: writer.add_key_value(key, field.contents(), kind)
            writer.add_block_count(4)
            writer.add_nextn_predict_layers(1)
            for tensor in reader.tensors:
                writer.add_tensor(tensor.name, tensor.data)
                if tensor.name.startswith('blk.2.'): writer.add_tensor(tensor.name.replace('blk.2.', 'blk.3.'), tensor.data)
            writer.add_tensor('blk.3.nextn.eh_proj.weight', np.ones((64, 128), np.float32))
            for key in ('enorm', 'hnorm', 'shared_head_norm'): writer.add_tensor(f'blk.3.nextn.{key}.weight', np.ones(64, np.float32))
            writer.write_header_to_file(); writer.write_kv_data_to_file(); writer.write_tensors_to_file(); writer.close()
            """, [path()])
        XCTAssertEqual(try loss(of: "glm4moe.foreign.gguf"), try loss(of: "glm4moe-usual.alone.gguf"))
        let back = try caplet("convert glm4moe.foreign.gguf -o glm4moe.foreign --to safetensors")
        XCTAssertEqual(back.errors, "")
        try PythonProcess.run(
            """
            import sys
            from safetensors.torch import load_file
            names = load_file(f'{sys.argv[1]}/glm4moe.foreign/model.safetensors').keys()
            for end in ('eh_proj', 'enorm', 'shared_head.norm', 'self_attn.q_proj', 'mlp.experts.4.down_proj'):
                assert f'model.layers.3.{end}.weight' in names, end
            assert not any(name.startswith('blk.') for name in names)
            """, [path()])
    }

    /// A file without our own keys, as another program would make it: transformers loads what comes of it, and computes the same.
    func testFilesOfOtherProgramsBecomeCheckpoints() throws {
        let names = FamilyConversionTests.runsInLlamaCpp.filter { $0 != "llama" }
        for name in names {
            _ = try convert(name, to: "\(name).ours.gguf")
            try CapletProcess.shell("sed 's/caplet\\./another/g' \(name).ours.gguf > \(name).theirs.gguf", in: path()).expectSuccess()
            try caplet("convert \(name).theirs.gguf -o \(name).theirs --to safetensors")
        }
        let output = try PythonProcess.run(
            """
            import sys, os, numpy as np, torch
            os.environ['HF_HUB_OFFLINE'] = '1'
            from transformers import AutoModelForCausalLM
            for name in sys.argv[2:]:
                model = AutoModelForCausalLM.from_pretrained(f'{sys.argv[1]}/{name}.theirs', dtype=torch.float32).eval()
                ids = [(i * 37 + 11) % model.config.vocab_size for i in range(29)]
                with torch.no_grad():
                    found = model(torch.tensor([ids])).logits[0].numpy()
                print(np.abs(found - np.fromfile(f'{sys.argv[1]}/{name}.logits', dtype=np.float32).reshape(found.shape)).max())
            """, [path()] + names)
        let errors = output.split(separator: "\n").compactMap { Double($0) }
        XCTAssertEqual(errors.count, names.count)
        for (name, error) in zip(names, errors) { XCTAssertLessThan(error, 1e-4, name) }
    }

    /// Base and adapter of each family are the model that they came from, in PEFT and in llama.cpp; the base alone is another.
    func testAdaptersOfEveryFamily() throws {
        let names = ["qwen3", "gemma2-usual", "phi3-usual", "gptneox", "falcon-two-norms", "cohere", "gpt2"]
        for name in names {
            try caplet("compress \(name) -o \(name).split.caplet --pipeline 'rpca{iterations=5}'")
            try caplet("convert \(name).split.caplet -o \(name).split-dense --to safetensors --dtype f32")
            for output in ["\(name).base --to safetensors", "\(name).base.gguf"] {
                try caplet(
                    "convert \(name).split.caplet -o \(output) --dtype f32 --as lora --adapter-dtype f32"
                        + (output.hasSuffix("gguf") ? " --metadata general.name:str=Test" : ""))
            }
        }
        try PythonProcess.run(
            """
            import sys, os, numpy as np, torch
            os.environ['HF_HUB_OFFLINE'] = '1'
            sys.path.insert(0, sys.argv[1]); os.chdir(sys.argv[2])
            from llama_perplexity import Scorer, row_losses
            from peft import PeftModel
            from transformers import AutoModelForCausalLM
            load = lambda path: AutoModelForCausalLM.from_pretrained(path, dtype=torch.float32).eval()
            for name in sys.argv[3:]:
                dense, base = load(f'{name}.split-dense'), load(f'{name}.base')
                rows = np.array([[(i * 41 + 5 + 3 * r) % dense.config.vocab_size for i in range(40)] for r in range(3)], dtype=np.int32)
                ids = torch.from_numpy(rows.astype(np.int64))
                with torch.no_grad():
                    expected, alone = dense(ids).logits, base(ids).logits
                    adapted = PeftModel.from_pretrained(base, f'{name}.base-lora').eval()
                    found = adapted(ids).logits
                    merged = adapted.merge_and_unload()(ids).logits
                size = expected.abs().max()
                assert (alone - expected).abs().max() > 0.1 * size, name
                assert (found - expected).abs().max() < 1e-5 * size, (name, (found - expected).abs().max())
                assert (merged - expected).abs().max() < 1e-5 * size, (name, (merged - expected).abs().max())
                loss = torch.nn.functional.cross_entropy(expected[:, :-1].flatten(0, 1), ids[:, 1:].flatten()).item()
                both = row_losses(Scorer(f'{name}.base.gguf', 40, 1, adapter=f'{name}.base-lora.gguf'), rows)[0].mean()
                assert abs(both - loss) < 2e-3 * loss, (name, both, loss)
            """, [Repository.path("Tests/Environment"), path()] + names)
    }

    /// Every pass on a model whose checkpoint has its weights transposed, and back to what transformers loads.
    func testPassesOnTransposedWeights() throws {
        try writeTexts()
        let pipelines = [
            "magnitude{keep=0.5}", "wanda{keep=0.5}", "sparsegpt{keep=0.5}", "truncated-svd{keep=0.5}", "oats{keep=0.5}",
            "rpca,prune-probabilistic{keep=0.5},refit,quantize{bits=8}",
        ]
        var losses: [Double] = []
        for (index, pipeline) in pipelines.enumerated() {
            try caplet(
                "compress gpt2 -o \(index).caplet --pipeline '\(pipeline)' --calibration c.txt --context 24 --calibration-sequences 8")
            try caplet("verify \(index).caplet")
            try caplet("convert \(index).caplet -o \(index).small --to safetensors")
            try caplet("convert \(index).caplet -o \(index).gguf")
            let found = try ["caplet", "small", "gguf"].map { try MeanLoss.of("\(index).\($0)", tokens: "t.npy", in: path()) }
            XCTAssertEqual(found[0], found[1], accuracy: 1e-5, pipeline)
            XCTAssertEqual(found[0], found[2], accuracy: 1e-5, pipeline)
            losses.append(found[1])
        }
        let output = try PythonProcess.run(
            """
            import sys, os, numpy as np, torch
            os.environ['HF_HUB_OFFLINE'] = '1'
            from transformers import GPT2LMHeadModel
            rows = torch.tensor(np.load(sys.argv[1] + '/t.npy').astype(np.int64))
            for index in range(int(sys.argv[2])):
                print(GPT2LMHeadModel.from_pretrained(f'{sys.argv[1]}/{index}.small', dtype=torch.float32)(rows, labels=rows).loss.item())
            """, [path(), "\(pipelines.count)"])
        let theirs = output.split(separator: "\n").compactMap { Double($0) }
        XCTAssertEqual(theirs.count, pipelines.count)
        for (index, loss) in theirs.enumerated() { XCTAssertEqual(losses[index], loss, accuracy: 2e-4, pipelines[index]) }
        XCTAssertEqual(Set(losses.map { Int($0 * 1e6) }).count, pipelines.count, "every pass leaves another model")
    }

    /// Experts that a checkpoint has in one tensor, latent attention, and state spaces, through passes that weigh their inputs, and back to what transformers
    /// loads.
    func testPassesOnExpertsInOneTensor() throws {
        try writeTexts()
        let pipelines = [
            "mamba": "wanda{keep=0.5}", "falcon-mamba-usual": "alps{keep=0.5},match",
            "mamba2": "rpca,prune-probabilistic{keep=0.5},refit{passes=1}",
            "mamba2-usual": "sparsegpt{keep=0.05},quantize{bits=8}", "granite4-usual": "wanda{keep=0.5}",
            "qwen35-usual": "sparsegpt{keep=0.5}", "lfm2-usual": "rpca,prune-probabilistic{keep=0.5},refit{passes=1}",
            "gptoss-usual": "wanda{keep=0.5}",
            "granitemoe-shared": "sparsegpt{keep=0.5}",
            "llama4-usual": "wanda{keep=0.5},quantize{bits=8}",
            "deepseek3-usual": "truncated-svd{keep=0.5},refit{passes=1}",
        ]
        let names = pipelines.keys.sorted()
        for name in names {
            let settings = "--calibration c.txt --context 24 --calibration-sequences 8"
            try caplet("compress \(name) -o \(name).small.caplet --pipeline '\(pipelines[name] ?? "")' \(settings)")
            try caplet("verify \(name).small.caplet")
            try caplet("convert \(name).small.caplet -o \(name).small --to safetensors")
            try caplet("convert \(name).small.caplet -o \(name).small.gguf --metadata general.name:str=Test")
        }
        let output = try PythonProcess.run(
            """
            import sys, os, numpy as np, torch
            os.environ['HF_HUB_OFFLINE'] = '1'
            from transformers import AutoModelForCausalLM
            rows = np.array([[(i * 41 + r) % 251 for i in range(24)] for r in range(3)], dtype=np.int32)
            np.save(sys.argv[1] + '/small.npy', rows)
            rows = torch.tensor(rows.astype(np.int64))
            for name in sys.argv[2:]:
                for end in ('', '.small'):
                    model = AutoModelForCausalLM.from_pretrained(f'{sys.argv[1]}/{name}{end}', dtype=torch.float32)
                    print(model(rows, labels=rows).loss.item())
            """, [path()] + names)
        let theirs = output.split(separator: "\n").compactMap { Double($0) }
        XCTAssertEqual(theirs.count, 2 * names.count)
        for (index, name) in names.enumerated() {
            let (before, after) = (theirs[2 * index], theirs[2 * index + 1])
            XCTAssertGreaterThan(abs(after - before), 1e-3, name)
            for end in ["small.caplet", "small", "small.gguf"] {
                XCTAssertEqual(try MeanLoss.of("\(name).\(end)", tokens: "small.npy", in: path()), after, accuracy: 2e-4, "\(name) \(end)")
            }
        }
    }

    /// The default pipeline leaves predictions nearer to the original's than the largest entries do, in every family: the mean of three seeds,
    /// because learning from the losses of a random model is a matter of chance.
    func testDefaultPipelineOnEveryFamily() throws {
        try writeTexts()
        try CapletProcess.shell("cp llama/tokenizer.model opt/tokenizer.model", in: path()).expectSuccess()
        let names = ["llama", "mistral", "qwen2", "qwen3", "gemma2", "phi3", "opt", "gpt2"]
        for name in names {
            let settings = "--calibration c.txt --context 24 --calibration-sequences 24"
            for seed in 0..<3 { try caplet("compress \(name) -o \(name).\(seed).caplet --keep 0.5 --seed \(seed) \(settings)") }
            try caplet("compress \(name) -o \(name).magnitude.caplet --pipeline 'magnitude{keep=0.5}'")
            for kind in [".0", ".1", ".2", ".magnitude"] {
                try caplet("convert \(name)\(kind).caplet -o \(name)\(kind).dense --to safetensors")
            }
        }
        let output = try PythonProcess.run(
            """
            import sys, os, sentencepiece, torch
            os.environ['HF_HUB_OFFLINE'] = '1'
            from tokenizers import Tokenizer
            from transformers import AutoModelForCausalLM
            text = open(sys.argv[1] + '/c.txt').read()
            for name in sys.argv[2:]:
                if os.path.exists(f'{sys.argv[1]}/{name}/tokenizer.json'):
                    ids = Tokenizer.from_file(f'{sys.argv[1]}/{name}/tokenizer.json').encode(text).ids
                else:
                    ids = sentencepiece.SentencePieceProcessor(model_file=f'{sys.argv[1]}/{name}/tokenizer.model').encode(text)
                rows = torch.tensor(ids[:24 * 24]).reshape(24, 24)
                with torch.no_grad():
                    logs = [torch.log_softmax(AutoModelForCausalLM.from_pretrained(f'{sys.argv[1]}/{name}{end}', dtype=torch.float32)(rows).logits, -1)
                            for end in ('', '.0.dense', '.1.dense', '.2.dense', '.magnitude.dense')]
                found = [(logs[0].exp() * (logs[0] - log)).sum(-1).mean().item() for log in logs[1:]]
                print(sum(found[:3]) / 3, found[3])
            """, [path()] + names)
        let divergences = output.split(separator: "\n").map { $0.split(separator: " ").compactMap { Double($0) } }
        XCTAssertEqual(divergences.count, names.count)
        for (name, pair) in zip(names, divergences) {
            XCTAssertGreaterThan(pair[0], 1e-4, name)
            // What errors in outputs cost is known where they are small, which half of a random model's weights are not.
            XCTAssertLessThan(pair[0], 0.95 * pair[1], name)
        }
        XCTAssertLessThan(divergences.reduce(0) { $0 + $1[0] / $1[1] } / Double(names.count), 0.7, "\(divergences)")
    }

    private func writeTexts() throws {
        let text = try TemporaryFolder.bytes(of: Repository.path("Examples/text/speeches-calibration.txt"))
        try Data(text.prefix(6000)).write(to: URL(fileURLWithPath: path("c.txt")))
        try PythonProcess.run(
            "import sys, numpy as np; np.save(sys.argv[1], np.array([[(i * 41 + r) % 487 for i in range(24)] for r in range(3)], dtype=np.int32))",
            [path("t.npy")])
    }

    /// Converted by plain names, with a warning; what needs its meaning refuses and says what is known.
    func testUnknownFamily() throws {
        try CapletProcess.shell(
            "cp -r linear strange && sed -i 's/\"llama\"/\"strange\"/; s/LlamaForCausalLM/StrangeForCausalLM/' strange/config.json",
            in: path()
        ).expectSuccess()
        let there = try caplet("convert strange -o strange.gguf")
        XCTAssertTrue(there.errors.contains("warning") && there.errors.contains("tensors keep their names"), there.errors)
        try caplet("convert strange.gguf -o strange.back --to safetensors")
        try caplet("diff strange strange.back")
        XCTAssertEqual(
            try TemporaryFolder.bytes(of: path("strange.back/config.json")), try TemporaryFolder.bytes(of: path("strange/config.json")))
        for line in [
            "evaluate strange --tokens linear.npy", "compress strange -o x.caplet --calibration c.txt",
        ] {
            try writeTexts()
            try CapletProcess.shell("cp t.npy linear.npy", in: path()).expectSuccess()
            let refused = try caplet(line, status: 69)
            for family in ["llama", "mistral", "qwen2", "qwen3", "gemma2", "phi3", "gpt2", "opt", "bert"] {
                XCTAssertTrue(refused.errors.contains(family), "\(line): \(refused.errors)")
            }
        }
        // Weights alone need no meaning.
        try caplet("compress strange -o weights.caplet --pipeline 'magnitude{keep=0.5 layers=matrices}'")
    }

    /// What would change the numbers and is not implemented is refused by its name.
    func testWhatIsNotImplementedIsRefusedByName() throws {
        try writeTexts()
        for (name, change, words) in [
            ("deepseek2-usual", "s/\"norm_topk_prob\": false/\"norm_topk_prob\": true/", "norm_topk_prob true"),
            ("deepseek2-usual", "s/\"topk_method\": \"greedy\"/\"topk_method\": \"noaux_tc\"/", "topk_method \"noaux_tc\""),
            ("deepseek3-usual", "s/\"vocab_size\"/\"scoring_func\": \"softmax\", \"vocab_size\"/", "scoring_func \"softmax\""),
            ("deepseek3-usual", "s/\"vocab_size\"/\"moe_layer_freq\": 2, \"vocab_size\"/", "moe_layer_freq 2"),
            ("gptoss-usual", "s/\"hidden_act\": \"silu\"/\"hidden_act\": \"gelu\"/", "hidden_act 'gelu'"),
            ("linear", "s/\"linear\"/\"strange\"/", "rope_scaling 'strange'"),
            ("opt", "s/\"word_embed_proj_dim\": 48/\"word_embed_proj_dim\": 24/", "word_embed_proj_dim 24"),
            (
                "gpt2", "s/\"scale_attn_by_inverse_layer_idx\": false/\"scale_attn_by_inverse_layer_idx\": true/",
                "scale_attn_by_inverse_layer_idx"
            ),
            ("gemma2", "s/gelu_pytorch_tanh/mish/", "hidden_activation 'mish'"),
            ("gemma3", "s/\"attn_logit_softcapping\": null/\"attn_logit_softcapping\": 50.0/", "attn_logit_softcapping 50"),
            ("olmo", "s/\"clip_qkv\": null/\"clip_qkv\": 8.0/", "clip_qkv 8"),
            ("phi", "s/\"qk_layernorm\": false/\"qk_layernorm\": true/", "qk_layernorm true"),
            (
                "bloom", "s/\"apply_residual_connection_post_layernorm\": false/\"apply_residual_connection_post_layernorm\": true/",
                "apply_residual_connection_post_layernorm true"
            ),
            ("qwen3", "s/\"vocab_size\"/\"is_causal\": false, \"vocab_size\"/", "is_causal false"),
            ("olmo2", "s/\"vocab_size\"/\"partial_rotary_factor\": 0.5, \"vocab_size\"/", "partial_rotary_factor 0.5"),
            ("mamba2", "s/\"use_bias\": true/\"use_bias\": false/", "proj.bias' that config.json denies"),
            ("mamba-usual", "s/\"vocab_size\"/\"rms_norm\": false, \"vocab_size\"/", "rms_norm false"),
            ("mamba-usual", "s/\"hidden_act\": \"silu\"/\"hidden_act\": \"mish\"/", "hidden_act 'mish'"),
            ("granite", "s/\"attention_bias\": true/\"attention_bias\": false/", "proj.bias' that config.json denies"),
        ] {
            try CapletProcess.shell("rm -rf changed && cp -r \(name) changed && sed -i '\(change)' changed/config.json", in: path())
                .expectSuccess()
            let refused = try caplet("evaluate changed --tokens t.npy", status: 69)
            XCTAssertTrue(refused.errors.contains(words), "\(change): \(refused.errors)")
        }
    }
}
