import Foundation
import TestSupport
import XCTest

/// Teachers of `distill` as files: what they are told apart by, and which do not go.
final class TeacherFileTests: XCTestCase {
    /// A folder with the student `tiny`, and teachers of its tokenizer: `large`, of three blocks, another width and a head that is filled up;
    /// `short`, whose head is too small; `strange`, of another tokenizer; `bare`, without one.
    private func folder() throws -> CheckpointFolder {
        let folder = try CheckpointFolder()
        try PythonProcess.run(
            """
            import json, shutil, sys, numpy as np
            from safetensors.numpy import save_file
            out, tokenizers = sys.argv[1:]
            def made(name, vocabulary, width, blocks):
                r = np.random.default_rng(7)
                config = json.load(open(f'{out}/tiny/config.json'))
                config.update(vocab_size=vocabulary, hidden_size=width, num_hidden_layers=blocks, torch_dtype='float32')
                shutil.copytree(f'{out}/tiny', f'{out}/{name}')
                json.dump(config, open(f'{out}/{name}/config.json', 'w'))
                def w(*shape): return (r.standard_normal(shape) * 0.15).astype(np.float32)
                ones, t = np.ones(width, np.float32), {}
                t['model.embed_tokens.weight'] = t['lm_head.weight'] = w(vocabulary, width)
                t['model.norm.weight'] = ones
                for b in range(blocks):
                    p, kv, mlp = f'model.layers.{b}.', width // 2, config['intermediate_size']
                    t[p + 'input_layernorm.weight'] = t[p + 'post_attention_layernorm.weight'] = ones
                    for layer, shape in [('self_attn.q', (width, width)), ('self_attn.k', (kv, width)), ('self_attn.v', (kv, width)),
                                         ('self_attn.o', (width, width)), ('mlp.gate', (mlp, width)), ('mlp.up', (mlp, width)),
                                         ('mlp.down', (width, mlp))]:
                        t[p + layer + '_proj.weight'] = w(*shape)
                save_file({k: v.copy() for k, v in t.items()}, f'{out}/{name}/model.safetensors')
            made('large', 256, 96, 3), made('short', 200, 64, 2), made('strange', 240, 64, 2), made('bare', 256, 64, 2)
            for name, file in [('strange', 'qwen2.json'), ('bare', None)]:
                import glob, os
                [os.remove(p) for p in glob.glob(f'{out}/{name}/tokenizer*')]
                if file: shutil.copy(f'{tokenizers}/{file}', f'{out}/{name}/tokenizer.json')
            """, [folder.path, Repository.path("Tests/Fixtures/tokenizers")])
        return folder
    }

    private func command(_ options: String, to output: String, teacher: String = "large") -> String {
        "caplet compress tiny -o \(output) --pipeline 'distill{teacher=\(teacher) \(options)}' --calibration text.txt --context 32 "
            + "--calibration-sequences 16 --no-measure --no-progress"
    }

    /// A dense student learns; bytes depend on what is in the teacher and not on where it lies, and on no number of threads.
    func testATeacherIsWhatIsInIt() throws {
        let folder = try folder()
        defer { withExtendedLifetime(folder) {} }
        let options = "passes=8 rate=0.05 temperature=2"
        let first = try CapletProcess.shell("\(command(options, to: "a.caplet")) --report a.json --threads 1", in: folder.path)
        XCTAssertEqual(first.status, 0, first.errors)
        let report = try String(decoding: folder.bytes("a.json"), as: UTF8.self)
        func figure(_ name: String) throws -> Double {
            let match = try XCTUnwrap(report.range(of: "\"\(name)\"[^0-9]*[0-9.eE-]+", options: .regularExpression), name)
            return try XCTUnwrap(Double(report[match].split { !"0123456789.eE-".contains($0) }.last ?? ""), "\(report[match])")
        }
        XCTAssertLessThan(try figure("distillation.heldBack.after"), try 0.95 * figure("distillation.heldBack.before"))
        try FileManager.default.createDirectory(atPath: folder.path("elsewhere"), withIntermediateDirectories: false)
        XCTAssertEqual(try CapletProcess.shell("cp -r large elsewhere/copy", in: folder.path).status, 0)
        let moved = try CapletProcess.shell(
            "\(command(options, to: "b.caplet", teacher: "elsewhere/copy")) --threads 2", in: folder.path)
        XCTAssertEqual(moved.status, 0, moved.errors)
        XCTAssertTrue(try folder.bytes("a.caplet") == folder.bytes("b.caplet"))
        let inspected = try CapletProcess.shell("caplet inspect a.caplet", in: folder.path)
        XCTAssertNotNil(
            inspected.output.range(of: "distill\\{teacher=[0-9a-f]{32}:[0-9a-f]+ passes=8", options: .regularExpression),
            inspected.output)
        // What a dense matrix has become is there in a checkpoint, and other passes go on from it.
        let back = try CapletProcess.shell(
            "caplet convert a.caplet -o back --to safetensors && caplet diff a.caplet back", in: folder.path)
        XCTAssertEqual(back.status, 0, back.errors + back.output)
        let coded = try CapletProcess.shell(
            command("passes=1", to: "c.caplet").replacingOccurrences(of: "}'", with: "},quantize{bits=4 target=dense}'"), in: folder.path)
        XCTAssertEqual(coded.status, 0, coded.errors)
        XCTAssertLessThan(try 4 * folder.bytes("c.caplet").count, try 3 * folder.bytes("a.caplet").count)
    }

    func testOtherTeachersAreNamed() throws {
        let folder = try folder()
        defer { withExtendedLifetime(folder) {} }
        for (teacher, options, words) in [
            ("short", "", "short: its head has 200 tokens, that of tiny 240"),
            ("strange", "", "strange: its tokenizer has "), ("bare", "", "bare: has a vocabulary of 256 tokens, tiny one of 240"),
            ("large", "hidden=1", "teacher=large: its hidden states have a width of 96, the model's one of 64"),
            ("absent", "", "absent"),
        ] {
            let refused = try CapletProcess.shell(command(options, to: "x.caplet", teacher: teacher), in: folder.path)
            XCTAssertNotEqual(refused.status, 0, teacher)
            XCTAssertTrue(refused.errors.contains(words), refused.errors)
            XCTAssertEqual(refused.errors.split(separator: "\n").count, 1, refused.errors)
        }
        let compared = try CapletProcess.shell(
            "caplet compare tiny -o c --context 32 --calibration text.txt --text text.txt --budgets 0.5 "
                + "--methods 'd=magnitude{keep=KEEP},distill{teacher=large}'", in: folder.path)
        XCTAssertEqual(compared.status, 64, compared.errors)
        XCTAssertTrue(compared.errors.contains("only teacher=original goes"), compared.errors)
    }

    /// A run that was interrupted goes on, unless its teacher has changed.
    func testAChangedTeacherIsNoticed() throws {
        let folder = try CheckpointFolder()
        defer { withExtendedLifetime(folder) {} }
        let model = Repository.path("Examples/wren-7m")
        XCTAssertEqual(try CapletProcess.shell("cp -r \(model) large && cp -r large kept", in: folder.path).status, 0)
        func line(_ teacher: String) -> String {
            "caplet compress \(model) -o out.caplet --pipeline 'rpca{iterations=120 tolerance=0},distill{teacher=\(teacher) passes=1}' "
                + "--calibration text.txt --context 64 --calibration-sequences 8 --no-measure --no-progress"
        }
        let running = try CapletProcess.start("exec env --default-signal=INT \(line("large"))", in: folder.path)
        Thread.sleep(forTimeInterval: 4)
        XCTAssertTrue(running.process.isRunning, "it ended before it was interrupted")
        kill(running.process.processIdentifier, SIGINT)
        let interrupted = try running.wait()
        XCTAssertEqual(interrupted.status, 130, interrupted.errors)
        // One bit of one weight.
        let flip = "printf '\\1' | dd of=large/model.safetensors bs=1 seek=5000000 conv=notrunc"
        XCTAssertEqual(try CapletProcess.shell(flip, in: folder.path).status, 0)
        let other = try CapletProcess.shell(line("large"), in: folder.path)
        XCTAssertEqual(other.status, 64, other.errors)
        XCTAssertTrue(
            other.errors.contains("holds what another run has finished (pipeline rpca{iterations=120 tolerance=0},distill{teacher="),
            other.errors)
        // Under another name it is the same teacher.
        let goesOn = try CapletProcess.start("exec env --default-signal=INT \(line("kept"))", in: folder.path)
        Thread.sleep(forTimeInterval: 1.5)
        kill(goesOn.process.processIdentifier, SIGINT)
        let gone = try goesOn.wait()
        XCTAssertTrue(gone.errors.contains("goes on from what an interrupted run has finished"), gone.errors)
    }
}
