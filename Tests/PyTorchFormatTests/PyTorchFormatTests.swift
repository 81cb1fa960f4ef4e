import FormatKit
import ModelGraph
import SafetensorsFormat
import TestSupport
import XCTest

@testable import PyTorchFormat

/// Files of torch.save, held against the safetensors files that torch makes of the same tensors.
final class PyTorchFormatTests: XCTestCase {
    private let format = PyTorchFormat()

    private func bytes(_ tensor: Tensor?) throws -> [UInt8] {
        guard case .dense(let dense)? = tensor?.payload else { return [] }
        return try dense.bytes.withUnsafeBytes { Array($0) }
    }

    /// Reads `name` in the folder and compares names, dtypes, shapes and bytes with the safetensors file `name`.safetensors.
    @discardableResult
    private func expectEqual(_ folder: TemporaryFolder, _ name: String, line: UInt = #line) throws -> TensorGraph {
        let graph = try format.read(folder.path(name), ReadContext())
        let expected = try SafetensorsFormat().read(folder.path(name + ".safetensors"), ReadContext())
        XCTAssertEqual(
            Set(graph.tensors.map(\.name) + graph.ties.map(\.name)), Set(expected.tensors.map(\.name)), name, line: line)
        for tensor in expected.tensors {
            let ours = graph[tensor.name]
            XCTAssertEqual(ours?.dtype, tensor.dtype, "\(name): \(tensor.name)", line: line)
            XCTAssertEqual(ours?.shape, tensor.shape, "\(name): \(tensor.name)", line: line)
            XCTAssertEqual(try bytes(ours), try bytes(tensor), "\(name): \(tensor.name)", line: line)
        }
        return graph
    }

    private static let script = """
        import sys, os, torch
        from collections import OrderedDict
        from safetensors.torch import save_file
        torch.manual_seed(0)
        folder = sys.argv[1] + '/'
        def keep(name, tensors, saved=None, **options):
            torch.save(tensors if saved is None else saved, folder + name, **options)
            save_file({k: v.detach().contiguous().clone() for k, v in tensors.items()}, folder + name + '.safetensors')

        """

    func testEveryDTypeViewTieAndForm() throws {
        let folder = try TemporaryFolder()
        try PythonProcess.run(
            PyTorchFormatTests.script + """
                names = ['float64', 'float32', 'float16', 'bfloat16', 'float8_e4m3fn', 'float8_e5m2', 'int64', 'int32', 'int16', 'int8',
                         'uint64', 'uint32', 'uint16', 'uint8']
                def noise(n, *shape):
                    dtype = getattr(torch, n); count = 1
                    for s in shape: count *= s
                    return torch.randint(0, 256, (count * dtype.itemsize,), dtype=torch.uint8).view(dtype).reshape(shape)
                dtypes = {n: noise(n, 5, 7) for n in names}
                dtypes['bool'] = torch.rand(5, 7) > .5
                dtypes.update({'t.' + n: noise(n, 4, 6).t() for n in names})
                dtypes['scalar'] = torch.tensor(2.5); dtypes['empty'] = torch.zeros(0, 4); dtypes['empty2'] = torch.zeros(4, 0).t()
                keep('dtypes.pt', dtypes)
                b = torch.randn(4, 5, 6)
                views = {'whole': b, 'row': b[1], 'columns': b[:, :, 2], 'slice': b[1:3, ::2, 1:5], 'swapped': b.permute(2, 0, 1),
                         'tail': b.flatten()[7:], 'expanded': b[0, 0].expand(3, 6), 'diagonal': torch.diagonal(b, dim1=0, dim2=1),
                         'channels': torch.randn(2, 3, 4, 5).to(memory_format=torch.channels_last)}
                keep('views.pt', views)
                w = torch.nn.Parameter(torch.randn(3, 4)); v = torch.randn(3, 4)
                keep('tied.bin', OrderedDict(embed=w, head=w, other=w.detach(), mine=v, half=v[:1]))
                for p in (2, 3, 4, 5): keep(f'protocol{p}.pth', {'a': b, 'w': w}, pickle_protocol=p)
                keep('legacy.bin', {**dtypes, **views, 'w1': w, 'w2': w}, _use_new_zipfile_serialization=False)
                m = torch.nn.Sequential(torch.nn.Linear(3, 4), torch.nn.BatchNorm1d(4))
                keep('module.pt', m.state_dict())
                torch.serialization.set_crc32_options(False)
                keep('nocrc.pt', {'a': b})
                """, [folder.path])
        for name in ["dtypes.pt", "views.pt", "protocol2.pth", "protocol3.pth", "protocol4.pth", "protocol5.pth", "nocrc.pt", "module.pt"] {
            let graph = try expectEqual(folder, name)
            XCTAssertEqual(graph.ties, [], name)
        }
        XCTAssertEqual(try expectEqual(folder, "tied.bin").ties, [Tie(name: "head", target: "embed"), Tie(name: "other", target: "embed")])
        XCTAssertEqual(try expectEqual(folder, "legacy.bin").ties, [Tie(name: "w2", target: "w1")])
    }

    func testTheModelInsideATrainingCheckpoint() throws {
        let folder = try TemporaryFolder()
        try PythonProcess.run(
            PyTorchFormatTests.script + """
                m = torch.nn.Linear(3, 4); o = torch.optim.Adam(m.parameters()); m(torch.ones(3)).sum().backward(); o.step()
                keep('train.pt', m.state_dict(), {'state_dict': m.state_dict(), 'optimizer': o.state_dict(), 'epoch': 3, 'loss': .5,
                     'name': 'run', 'none': None, 'best': True})
                a, b = torch.ones(2), torch.zeros(3)
                keep('nested.pt', {'a.x': a, 'a.y.0': b, 'b.5': b + 1}, {'a': {'x': a, 'y': [b]}, 'b': {5: b + 1}, 'shape': torch.Size([1, 2]), 'big': 2**70})
                keep('two.pt', {'model.w': a, 'module.w': b}, {'model': {'w': a}, 'module': {'w': b}})
                keep('own.pt', {'state_dict.w': a, 'w': b}, {'state_dict': {'w': a}, 'w': b})
                keep('one.pt', {'one': a}, a)
                keep('list.pt', {'0': a, '1': b}, [a, b])
                """, [folder.path])
        var warnings: [String] = []
        let graph = try format.read(folder.path("train.pt"), ReadContext(warn: { warnings.append($0) }))
        try expectEqual(folder, "train.pt")
        XCTAssertEqual(graph.metadata.entries.map(\.key), ["pytorch.epoch", "pytorch.loss", "pytorch.name", "pytorch.best"])
        XCTAssertEqual(graph.metadata["pytorch.epoch"], .int64(3))
        XCTAssertEqual(graph.metadata["pytorch.loss"], .float64(0.5))
        XCTAssertEqual(graph.metadata["pytorch.name"], .string("run"))
        XCTAssertEqual(warnings, ["\(folder.path("train.pt")): 1 values beside the weights are left behind, 'optimizer' the first"])
        warnings = []
        _ = try format.read(folder.path("nested.pt"), ReadContext(warn: { warnings.append($0) }))
        XCTAssertEqual(warnings, ["\(folder.path("nested.pt")): 2 values beside the weights are left behind, 'shape' the first"])
        for name in ["nested.pt", "two.pt", "own.pt", "one.pt", "list.pt"] { try expectEqual(folder, name) }
    }

    func testFoldersAndShards() throws {
        let folder = try TemporaryFolder()
        try PythonProcess.run(
            PyTorchFormatTests.script + """
                import json
                def shards(name, parts, map=None):
                    os.makedirs(folder + name)
                    for i, part in enumerate(parts): torch.save(part, f'{folder}{name}/pytorch_model-{i}.bin')
                    where = {k: f'pytorch_model-{i}.bin' for i, part in enumerate(parts) for k in part}
                    where.update(map or {})
                    json.dump({'metadata': {}, 'weight_map': where}, open(f'{folder}{name}/pytorch_model.bin.index.json', 'w'))
                    open(f'{folder}{name}/config.json', 'w').write('{}')
                a, b, c = torch.ones(2), torch.zeros(3), torch.arange(4.)
                shards('good', [{'a': a, 'tied': a}, {'b': b, 'c': c}])
                save_file({'a': a, 'tied': a.clone(), 'b': b, 'c': c}, folder + 'good.safetensors')
                shards('twice', [{'a': a, 'c': c}, {'a': a, 'b': b}]); shards('elsewhere', [{'a': a}, {'b': b, 'c': c}], {'b': 'pytorch_model-0.bin'})
                shards('missing', [{'a': a}], {'z': 'pytorch_model-0.bin'}); shards('gone', [{'a': a}], {'z': 'pytorch_model-9.bin'})
                shards('outside', [{'a': a}], {'z': '../pytorch_model-0.bin'})
                os.makedirs(folder + 'single'); torch.save({'a': a}, folder + 'single/pytorch_model.bin'); torch.save([1], folder + 'single/training_args.bin')
                save_file({'a': a}, folder + 'single.safetensors'); os.makedirs(folder + 'none')
                """, [folder.path])
        var warnings: [String] = []
        // The index says which of two copies is the model's.
        let twice = try format.read(folder.path("twice"), ReadContext { warnings.append($0) })
        XCTAssertEqual(Set(twice.tensors.map(\.name)), ["a", "b", "c"])
        XCTAssertEqual(warnings.count, 1)
        XCTAssertTrue(warnings[0].hasSuffix("tensor 'a' is in 'pytorch_model-1.bin' by the index, and is left out here"), warnings[0])
        let graph = try expectEqual(folder, "good")
        XCTAssertEqual(graph.attachments.map(\.name), ["config.json"])
        // The folder, the index, two shards, config.json.
        XCTAssertEqual(graph.sources.count, 5)
        try expectEqual(folder, "single")
        XCTAssertTrue(format.recognises(try FileProbe(path: folder.path("good"))))
        XCTAssertFalse(format.recognises(try FileProbe(path: folder.path("none"))))
        for (name, words) in [
            ("elsewhere", "tensor 'b': is not in the shard that the index gives"),
            ("missing", "is not in the shard that the index gives"), ("gone", "names the shard 'pytorch_model-9.bin', which is not there"),
            ("outside", "is in '../pytorch_model-0.bin', which is no plain .bin file of the folder"),
            ("none", "has neither pytorch_model.bin nor"),
        ] {
            XCTAssertThrowsError(try format.read(folder.path(name), ReadContext()), name) {
                XCTAssertTrue("\($0)".contains(words), "\(name): \($0)")
            }
        }
    }
}
