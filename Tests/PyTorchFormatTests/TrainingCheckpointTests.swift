import FormatKit
import ModelGraph
import SafetensorsFormat
import TestSupport
import XCTest

@testable import PyTorchFormat

/// Files as training scripts leave them: the model beside counters, metrics, optimizers and objects of any class.
final class TrainingCheckpointTests: XCTestCase {
    private let format = PyTorchFormat()

    /// The tensors of a file as the same tensors in safetensors, which torch wrote.
    private func expectModel(_ folder: TemporaryFolder, _ name: String, warnings count: Int? = nil, line: UInt = #line) throws {
        var warnings: [String] = []
        let found = try format.read(folder.path(name), ReadContext { warnings.append($0) })
        let expected = try SafetensorsFormat().read(folder.path("model.safetensors"), ReadContext())
        XCTAssertEqual(Set(found.tensors.map(\.name)), Set(expected.tensors.map(\.name)), name, line: line)
        for tensor in found.tensors {
            XCTAssertEqual(try tensor.payload.densifiedFloats(), try expected[tensor.name]?.payload.densifiedFloats(), name, line: line)
        }
        if let count { XCTAssertEqual(warnings.count, count, "\(name): \(warnings)", line: line) }
    }

    func testTheModelAmongOthers() throws {
        let folder = try TemporaryFolder()
        try PythonProcess.run(
            """
            import sys, torch
            from safetensors.torch import save_file
            out = sys.argv[1] + '/'; torch.manual_seed(0)
            net = torch.nn.Linear(6, 5); opt = torch.optim.AdamW(net.parameters()); net(torch.randn(4, 6)).sum().backward(); opt.step()
            sd = net.state_dict(); save_file(sd, out + 'model.safetensors')
            steps = torch.optim.lr_scheduler.MultiStepLR(opt, [3, 3, 5]).state_dict()
            torch.save({'model': sd, 'optimizer': opt.state_dict(), 'best_val_loss': torch.tensor(2.5), 'iter_num': 5}, out + 'metric.pt')
            torch.save({'state_dict': sd, 'rng': torch.get_rng_state(), 'step': torch.tensor(3)}, out + 'random.pt')
            torch.save({'model': sd, 'lr_scheduler': steps}, out + 'counter.pt')
            torch.save(sd, out + 'legacy.pt', _use_new_zipfile_serialization=False, pickle_protocol=4)
            class Named(torch.Tensor): pass
            torch.save({k: torch.nn.Parameter(v) for k, v in sd.items()}, out + 'parameters.pt')
            torch.save({k: v.as_subclass(torch.Tensor) for k, v in sd.items()}, out + 'plain.pt')
            t = {k: v.clone() for k, v in sd.items()}
            for v in t.values(): v.note = 'kept beside'
            torch.save(t, out + 'attributes.pt')
            torch.save({'model': net, 'optimizer': opt.state_dict()}, out + 'module.pt')
            """, [folder.path])
        for (name, warnings) in [
            ("metric", 1), ("random", 1), ("counter", 1), ("legacy", 0), ("parameters", 0), ("plain", 0), ("attributes", 0),
        ] {
            try expectModel(folder, "\(name).pt", warnings: warnings)
        }
        XCTAssertThrowsError(try format.read(folder.path("module.pt"), ReadContext())) {
            XCTAssertTrue("\($0)".contains("'model': is an object of 'torch.nn.modules.linear.Linear', which is not run"), "\($0)")
        }
    }

    /// Objects of other classes beside the model are left behind by their class's name; no code of theirs runs.
    func testObjectsBesideTheModel() throws {
        let folder = try TemporaryFolder()
        let names = try PythonProcess.run(
            """
            import sys, torch, argparse, numpy, pathlib, collections, datetime, types, functools, io, random, decimal
            from safetensors.torch import save_file
            out = sys.argv[1] + '/'; sd = torch.nn.Linear(6, 5).state_dict(); save_file(sd, out + 'model.safetensors')
            for i, extra in enumerate([
                argparse.Namespace(lr=.1), numpy.float64(.5), numpy.arange(4.), pathlib.PosixPath('/a'), collections.defaultdict(list, {'a': [1]}),
                collections.Counter({3: 2}), {1, 2}, frozenset([1]), datetime.datetime(2024, 1, 1), types.SimpleNamespace(a=1), b'abc', bytearray(b'a'),
                1 + 2j, 2 ** 80, numpy.random.RandomState(0).get_state(), random.getstate(), functools.partial(print, 1), io.BytesIO(b'x'),
                ..., decimal.Decimal('1.5'), slice(1, 2), torch.strided, numpy.zeros(40000)]):
                for protocol in (2, 4):
                    torch.save({'model': sd, 'extra': extra}, f'{out}{i}-{protocol}.pt', pickle_protocol=protocol); print(f'{i}-{protocol}.pt')
            """, [folder.path])
        for name in names.split(separator: "\n") { try expectModel(folder, String(name)) }
        XCTAssertEqual(names.split(separator: "\n").count, 46)
    }
}
