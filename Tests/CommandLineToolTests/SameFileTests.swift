import Foundation
import TestSupport
import XCTest

/// What was packed without loss comes back as the file that it was, byte for byte: header, order and padding too.
final class SameFileTests: XCTestCase {
    /// Three tensors in files as others write them: without `__metadata__`, with members in another order than the data, with more padding
    /// than needed or with none, with spaces between.
    private static let files = """
        import json, sys, hashlib
        out = sys.argv[1]
        data = {'b.weight': bytes(range(24)), 'a.weight': bytes(range(100, 112)), 'c.bias': bytes(range(50, 54))}
        shapes = {'b.weight': [3, 4], 'a.weight': [2, 3], 'c.bias': [2]}
        def write(path, order, listed, metadata=None, pad=0, **style):
            place, offsets = 0, {}
            for name in order:
                offsets[name] = [place, place + len(data[name])]; place += len(data[name])
            entries = {name: {'dtype': 'BF16', 'shape': shapes[name], 'data_offsets': offsets[name]} for name in listed}
            header = json.dumps(({'__metadata__': metadata} if metadata is not None else {}) | entries, **style).encode()
            header += b' ' * (-len(header) % 8 if pad == 0 else pad)
            with open(path, 'wb') as f:
                f.write(len(header).to_bytes(8, 'little') + header)
                for name in order: f.write(data[name])
        import os
        write(f'{out}/bare.safetensors', ['b.weight', 'a.weight', 'c.bias'], ['a.weight', 'b.weight', 'c.bias'])
        write(f'{out}/padded.safetensors', ['c.bias', 'b.weight', 'a.weight'], ['c.bias', 'b.weight', 'a.weight'], {'note': 'x'}, 41, separators=(',', ':'))
        write(f'{out}/usual.safetensors', ['a.weight', 'b.weight', 'c.bias'], ['a.weight', 'b.weight', 'c.bias'], {'format': 'pt'}, separators=(',', ':'))
        os.makedirs(f'{out}/shards')
        names = [f'model-{i:05}-of-00002.safetensors' for i in (1, 2)]
        write(f'{out}/shards/{names[0]}', ['b.weight'], ['b.weight'], {'format': 'pt'}, 13)
        write(f'{out}/shards/{names[1]}', ['a.weight', 'c.bias'], ['c.bias', 'a.weight'], {'format': 'pt'})
        index = {'weight_map': {'a.weight': names[1], 'b.weight': names[0], 'c.bias': names[1]}, 'metadata': {'total_size': 40}}
        with open(f'{out}/shards/model.safetensors.index.json', 'w') as f: json.dump(index, f, indent=1)
        with open(f'{out}/shards/config.json', 'w') as f: f.write('{"a": 1}')
        """

    private func folder() throws -> CheckpointFolder {
        let folder = try CheckpointFolder()
        try PythonProcess.run(SameFileTests.files, [folder.path])
        return folder
    }

    private func shell(_ script: String, _ folder: CheckpointFolder) throws -> CapletProcess {
        try CapletProcess.shell("set -e; \(script)", in: folder.path)
    }

    func testFilesComeBackAsTheyWere() throws {
        let folder = try folder()
        defer { withExtendedLifetime(folder) {} }
        for name in ["bare", "padded", "usual"] {
            let run = try shell(
                """
                caplet compress \(name).safetensors -o \(name).caplet --lossless -q
                caplet verify \(name).caplet -q; caplet convert \(name).caplet -o \(name)-back.safetensors -q
                cmp \(name).safetensors \(name)-back.safetensors; caplet convert \(name).safetensors -o \(name)-same.safetensors -q
                cmp \(name).safetensors \(name)-same.safetensors
                test "$(caplet inspect \(name).caplet --hash | grep -o '[0-9a-f]\\{64\\}')" = \
                    "$(caplet inspect \(name).safetensors --hash | grep -o '[0-9a-f]\\{64\\}')"
                """, folder)
            XCTAssertEqual(run.status, 0, "\(name): \(run.output) \(run.errors)")
        }
        let shards = try shell(
            "caplet compress shards -o shards.caplet --lossless -q; caplet convert shards.caplet -o back --to safetensors -q; diff -r shards back "
                + "-x .caplet-files.json", folder)
        XCTAssertEqual(shards.status, 0, shards.output + shards.errors)
        // The head is the embedding, which config.json says and no file has; as transformers writes it.
        try PythonProcess.run(
            """
            import sys, torch
            from transformers import Qwen2Config, Qwen2ForCausalLM
            config = Qwen2Config(vocab_size=64, hidden_size=16, intermediate_size=24, num_hidden_layers=1, num_attention_heads=2,
                                 num_key_value_heads=1, tie_word_embeddings=True)
            Qwen2ForCausalLM(config).to(torch.bfloat16).save_pretrained(sys.argv[1])
            """, [folder.path("tied")])
        let tied = try shell(
            "caplet compress tied -o tied.caplet --lossless -q; caplet convert tied.caplet -o tied-back --to safetensors -q; "
                + "diff -r tied tied-back -x .caplet-files.json", folder)
        XCTAssertEqual(tied.status, 0, tied.output + tied.errors)
        // The reference reader reads on.
        let read = try PythonProcess.run(
            "import runpy, sys; sys.argv = sys.argv[1:]; runpy.run_path(sys.argv[0], run_name='__main__')",
            [Repository.path("formats/caplet/reference/caplet_reader.py"), folder.path("shards.caplet")])
        XCTAssertTrue(read.contains("a.weight"), read)
    }

    /// What the old headers do not say is written anew, and is still what was asked for.
    func testChangesAreWrittenAnew() throws {
        let folder = try folder()
        defer { withExtendedLifetime(folder) {} }
        let run = try shell(
            """
            caplet compress bare.safetensors -o bare.caplet --lossless -q
            caplet convert bare.caplet -o edited.safetensors --metadata a=b -q; ! cmp -s bare.safetensors edited.safetensors
            caplet diff bare.safetensors edited.safetensors -q
            caplet convert bare.caplet -o wide.safetensors --dtype f32 -q; caplet inspect wide.safetensors --json | grep -q '"F32"'
            caplet convert bare.caplet -o folder --to safetensors -q; caplet diff bare.safetensors folder -q
            caplet compress shards -o shards.caplet --lossless -q
            caplet convert shards.caplet -o one.safetensors -q; caplet diff shards one.safetensors -q
            caplet compress bare.safetensors -o small.caplet --pipeline 'magnitude{keep=0.5 layers=matrices}' -q
            """, folder)
        XCTAssertEqual(run.status, 0, run.output + run.errors)
        // A header that is not the tensors' is no reason to write a broken file.
        let packed = try shell("caplet convert small.caplet -o small.safetensors -q; caplet verify small.safetensors -q", folder)
        XCTAssertEqual(packed.status, 0, packed.errors)
    }
}
