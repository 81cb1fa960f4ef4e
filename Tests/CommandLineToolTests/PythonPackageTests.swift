import Foundation
import TestSupport
import XCTest

/// The wheel of the Python package, in a fresh environment, does what the command line does.
final class PythonPackageTests: XCTestCase {
    /// The environment, made once: with the package, and beside it only what the tests' Python has.
    private static let environment = Result { try made() }

    private static func made() throws -> TemporaryFolder {
        let folder = try TemporaryFolder()
        let python = PythonProcess.interpreter
        let result = try CapletProcess.shell(
            """
            set -e
            '\(Repository.path("Sources/CCaplet/link.sh"))' '\(CapletProcess.productsFolder)' libcaplet-c.so
            '\(python)' -m venv --without-pip env
            packages=$(env/bin/python -c 'import sysconfig; print(sysconfig.get_path("purelib"))')
            '\(python)' -c 'import sysconfig; print(sysconfig.get_path("purelib"))' > "$packages/tests.pth"
            export CAPLET_LIBRARY=$PWD/libcaplet-c.so
            '\(python)' -m pip wheel -q --no-index --no-deps --no-build-isolation -w . '\(Repository.path("formats/caplet/reference"))'
            '\(python)' -m pip --python env/bin/python install -q --no-index --no-deps caplet-*.whl
            ls caplet-*.whl
            """, in: folder.path)
        XCTAssertEqual(result.status, 0, result.errors)
        XCTAssertTrue(result.output.hasPrefix("caplet-") && result.output.contains("-py3-none-linux_"), result.output)
        return folder
    }

    private func python(_ arguments: String, in folder: String) throws -> String {
        let environment = try PythonPackageTests.environment.get().path
        let result = try CapletProcess.shell("'\(environment)/env/bin/python' \(arguments)", in: folder)
        XCTAssertEqual(result.status, 0, result.errors + result.output)
        return result.output
    }

    private let model = Repository.path("Examples/wren-7m")
    private let text = Repository.path("Examples/text/speeches-calibration.txt")

    func testTheExampleWritesTheCommandLinesBytes() throws {
        let folder = try TemporaryFolder()
        defer { withExtendedLifetime(folder) {} }
        let example = Repository.path("Examples/Python/compress.py"), heldOut = Repository.path("Examples/text/speeches-evaluation.txt")
        let output = try python("'\(example)' '\(model)' '\(text)' '\(heldOut)' .", in: folder.path)
        XCTAssertTrue(output.contains("compressed to ") && output.contains("small.gguf: perplexity "), output)
        let line = try CapletProcess.shell(
            """
            set -e
            mkdir line
            caplet compress '\(model)' -o line/small.caplet --bits-per-weight 4 --calibration '\(text)' --calibration-sequences 8 --context 128 --no-measure
            caplet convert line/small.caplet -o line/small.gguf --dtype q8_0
            cmp small.caplet line/small.caplet
            cmp small.gguf line/small.gguf
            """, in: folder.path)
        XCTAssertEqual(line.status, 0, line.errors + line.output)
    }

    /// NULL, text that is no request, and names that are not there are errors with a status and one line.
    func testWhatMakesNoSenseIsAnError() throws {
        let folder = try TemporaryFolder()
        defer { withExtendedLifetime(folder) {} }
        let script = """
            import ctypes, json, caplet
            from caplet import library
            here = library.load()
            message = ctypes.c_void_p()
            def attempt(name, *arguments):
                status = getattr(here, name)(*arguments, ctypes.byref(message))
                print(status, library.take(message.value))
            place, array = ctypes.c_void_p(), library.ArrayStructure()
            none = library.REPORT()
            attempt('caplet_workspace_make', b'{"threads": -1}', ctypes.byref(place))
            attempt('caplet_workspace_make', b'{"thread": 1}', ctypes.byref(place))
            attempt('caplet_workspace_make', None, None)
            attempt('caplet_convert', None, b'{}', none, None, None, None)
            attempt('caplet_open', None, b'x', None, ctypes.byref(place))
            attempt('caplet_describe', None, None)
            attempt('caplet_tensor_values', None, b'x', ctypes.byref(array))
            workspace = caplet.Workspace(threads=1)
            for request in (None, b'', b'[]', b'{"model": 1}', b'{"model": "\\xff"}', b'[' * 100000, b'{"model": "a\\\\u0000b", "output": "o"}',
                            b'{"model": "m", "model": "m"}', json.dumps({"model": "m", "output": "o.caplet", "keep": 0.5, "size": 1}).encode(),
                            b'{"model": "nowhere", "output": "o.caplet"}', b'{"model": "nowhere", "output": "o.caplet", "sizes": 1}'):
                attempt('caplet_compress', workspace._handle, request, none, None, None, ctypes.byref(place))
            attempt('caplet_open', workspace._handle, b'\\xff', None, ctypes.byref(place))
            attempt('caplet_open', workspace._handle, b'nowhere', None, None)
            for name in ('string', 'workspace', 'stop', 'array'): getattr(here, f'caplet_{name}_free')(None)
            here.caplet_close(None); here.caplet_stop_request(None)
            assert not place.value and not array.owner and here.caplet_convert(None, None, none, None, None, None, None) == 64
            try: caplet.open('nowhere.caplet')
            except caplet.CapletError as error: print(error.status, error)
            """
        try script.write(toFile: folder.path("hostile.py"), atomically: true, encoding: .utf8)
        let lines = try python("hostile.py", in: folder.path).split(separator: "\n").map(String.init)
        XCTAssertEqual(lines.count, 21, lines.joined(separator: "\n"))
        for line in lines {
            XCTAssertTrue(line.hasPrefix("64 ") || line.hasPrefix("66 ") && line.contains("nowhere"), line)
            XCTAssertGreaterThan(line.count, 8, line)
        }
    }

    /// Arrays lie in the model's file and outlive it, a callback stops a request, and versions are the command line's.
    func testArraysEventsAndVersions() throws {
        let folder = try TemporaryFolder()
        defer { withExtendedLifetime(folder) {} }
        let script = """
            import importlib.metadata, os, sys, numpy as np, caplet
            from safetensors.numpy import load_file, save_file
            rng = np.random.default_rng(1)
            weights = {'a': rng.normal(size=(300, 200)).astype(np.float32), 'b': np.arange(12, dtype=np.int64)}
            save_file(weights, 'm.safetensors')
            events = []
            report = caplet.convert('m.safetensors', 'm.caplet', progress=events.append)
            assert report['tensors'] == 2 and report['bytes'] == os.path.getsize('m.caplet'), report
            assert {'began', 'advanced', 'ended'} <= {event.kind for event in events}, events
            for path in ('m.safetensors', 'm.caplet'):
                with caplet.open(path) as model:
                    found = {name: model.values(name) for name in model.tensors}
                    assert model.tensors['a'].shape == (300, 200) and not model.files
                assert all(np.array_equal(found[name], value) and found[name].dtype == value.dtype for name, value in weights.items())
                assert all(np.array_equal(value, caplet.load_state_dict(path)[name]) for name, value in weights.items())
                assert not found['a'].flags.writeable
            # Nothing was copied: the pages are the file's.
            mapped = caplet.open('m.safetensors').values('a')
            address = mapped.__array_interface__['data'][0]
            spans = [line.split() for line in open('/proc/self/maps') if line.rstrip().endswith('m.safetensors')]
            assert any(int(a, 16) <= address < int(b, 16) for a, b in (span[0].split('-') for span in spans)), spans
            class Enough(Exception): pass
            def stop(event): raise Enough
            try: caplet.compress(sys.argv[1], 'stopped.caplet', keep=0.5, calibration=sys.argv[2], progress=stop); print('went on')
            except Enough: pass
            assert not os.path.exists('stopped.caplet')
            try: caplet.convert('m.safetensors', 'm.caplet')
            except caplet.CapletError as error: assert error.status == 74 or 'force' in str(error), error
            assert importlib.metadata.version('caplet') == caplet.version()
            print(caplet.version())
            """
        try script.write(toFile: folder.path("arrays.py"), atomically: true, encoding: .utf8)
        let output = try python("arrays.py '\(model)' '\(text)'", in: folder.path)
        let version = try CapletProcess.run(["--version"], in: folder.path).output
        XCTAssertTrue(version.hasPrefix(output.trimmingCharacters(in: .whitespacesAndNewlines) + " "), output + version)
    }

    /// A file becomes a model of transformers in one call, with every weight that it has.
    func testTransformersModelInOneCall() throws {
        let folder = try TemporaryFolder()
        defer { withExtendedLifetime(folder) {} }
        let made = try CapletProcess.run(["convert", model, "-o", "m.caplet"], in: folder.path)
        XCTAssertEqual(made.status, 0, made.errors)
        let script = """
            import caplet, sys, torch, transformers
            model = caplet.load_model('m.caplet')
            same = transformers.AutoModelForCausalLM.from_pretrained(sys.argv[1], dtype=torch.float32)
            tokens = caplet.load_tokenizer('m.caplet')('The people of this country', return_tensors='pt').input_ids
            with torch.no_grad(): assert torch.equal(model(tokens).logits, same(tokens).logits)
            # Whose checkpoint has the rows and columns of its matrices exchanged.
            own = transformers.GPT2LMHeadModel(transformers.GPT2Config(vocab_size=50, n_positions=32, n_embd=16, n_layer=2, n_head=2)).eval()
            own.save_pretrained('gpt2')
            caplet.convert('gpt2', 'gpt2.caplet')
            tokens = torch.arange(12)[None]
            with torch.no_grad(): expected = own(tokens).logits
            for path in ('gpt2', 'gpt2.caplet'):
                with torch.no_grad(): assert torch.equal(caplet.load_model(path)(tokens).logits, expected)
            """
        try script.write(toFile: folder.path("model.py"), atomically: true, encoding: .utf8)
        _ = try python("model.py '\(model)'", in: folder.path)
    }
}
