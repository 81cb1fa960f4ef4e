import TestSupport
import XCTest

/// Checkpoints that other tools have quantised, as `convert --dequantize` decodes them: held bit for bit against the arithmetic of their libraries in
/// torch, and for MXFP4 against transformers' own function.
final class QuantizedCheckpointTests: XCTestCase {
    /// Writes a checkpoint for each scheme, and what it decodes to, each in a folder of its own.
    private static let checkpoints = """
        import sys, os, json, numpy as np, torch
        from safetensors.torch import save_file
        from transformers.integrations.mxfp4 import convert_moe_packed_tensors
        rng = np.random.default_rng(0)
        def case(name, tensors, expected, settings=None):
            folder = os.path.join(sys.argv[1], name); os.makedirs(folder)
            save_file(tensors, folder + '/model.safetensors'); save_file(expected, folder + '.expected')
            json.dump({'model_type': 'other', **({'quantization_config': settings} if settings else {})}, open(folder + '/config.json', 'w'))
        def pack(q, bits, axis):
            q = np.moveaxis(q, axis, -1); p = 32 // bits; q = np.pad(q, [(0, 0)] * (q.ndim - 1) + [(0, -q.shape[-1] % p)])
            q = q.reshape(*q.shape[:-1], -1, p).astype(np.uint64)
            words = sum(q[..., i] << np.uint64(bits * i) for i in range(p)).astype(np.uint32).view(np.int32)
            return torch.tensor(np.ascontiguousarray(np.moveaxis(words, -1, axis)))
        def scales(*shape): return torch.tensor(rng.random(shape) * .01)
        for bits in (2, 4, 8):
            for form in ('gptq', 'gptq_v2'):
                i, o, size = 64, 48, 32
                q, g = rng.integers(0, 2 ** bits, (i, o)), torch.tensor((np.arange(i) // size)[rng.permutation(i)].astype(np.int32))
                z, s = rng.integers(0, 2 ** bits, (i // size, o)), scales(i // size, o).half()
                zeros = torch.tensor(z + 1 & 2 ** bits - 1 if form == 'gptq' else z)
                w = s[g.long()] * (torch.tensor(q) - zeros[g.long()]).int()
                case(f'{form}-{bits}', {'a.qweight': pack(q, bits, 0), 'a.qzeros': pack(z, bits, 1), 'a.scales': s, 'a.g_idx': g, 'a.bias': torch.ones(o)},
                     {'a.weight': w.T.contiguous(), 'a.bias': torch.ones(o)}, {'quant_method': 'gptq', 'bits': bits, 'group_size': size, 'checkpoint_format': form})
        q, z, s = rng.integers(0, 16, (64, 48)), rng.integers(0, 16, (2, 48)), scales(2, 48).half()
        def awq(q): return pack(q.reshape(q.shape[0], -1, 8)[:, :, [0, 2, 4, 6, 1, 3, 5, 7]].reshape(q.shape), 4, 1)
        w = (torch.tensor(q) - torch.tensor(z).repeat_interleave(32, 0)) * s.repeat_interleave(32, 0)
        case('awq', {'a.qweight': awq(q), 'a.qzeros': awq(z), 'a.scales': s}, {'a.weight': w.T.contiguous()})
        q, s = torch.tensor(rng.integers(-128, 128, (10, 16)).astype(np.int8)), scales(10, 1).bfloat16()
        case('int8', {'a.weight': q, 'a.weight_scale': s}, {'a.weight': q.bfloat16() * s})
        for bits in (4, 8):
            for offset in (False, True):
                q, z, s = rng.integers(0, 2 ** bits, (10, 96)), rng.integers(0, 2 ** bits, (10, 3)), scales(10, 3).bfloat16()
                w = torch.tensor(q - (np.repeat(z, 32, 1) if offset else 2 ** bits // 2)).bfloat16() * s.repeat_interleave(32, 1)
                t = {'a.weight_packed': pack(q, bits, 1), 'a.weight_scale': s, 'a.weight_shape': torch.tensor([10, 96])}
                case(f'packed-{bits}-{offset}', t | ({'a.weight_zero_point': pack(z, bits, 0)} if offset else {}), {'a.weight': w})
        q, s = torch.tensor(rng.integers(-128, 128, (10, 16)).astype(np.int8)), scales(10).float()
        case('bytes', {'a.weight': q, 'a.SCB': s, 'a.weight_format': torch.tensor(0, dtype=torch.uint8)}, {'a.weight': q * s.view(-1, 1) * 7.874015718698502e-3})
        for nested in (False, True):
            codes, table = rng.integers(0, 16, 8 * 128), torch.tensor(np.sort(rng.standard_normal(16)).astype(np.float32))
            state = {'quant_type': 'nf4', 'blocksize': 64, 'dtype': 'bfloat16', 'shape': [8, 128]}
            t = {'a.weight': torch.tensor((codes[0::2] << 4 | codes[1::2]).astype(np.uint8).reshape(-1, 1)), 'a.weight.quant_map': table}
            if nested:
                state |= {'nested_blocksize': 256, 'nested_dtype': 'float32', 'nested_offset': .125}
                a, inner, top = torch.tensor(rng.integers(0, 256, 16).astype(np.uint8)), torch.tensor(rng.standard_normal(256).astype(np.float32)), scales(1).float()
                t |= {'a.weight.absmax': a, 'a.weight.nested_absmax': top, 'a.weight.nested_quant_map': inner}
                greatest = inner[a.long()] * top[0] + .125
            else:
                greatest = t['a.weight.absmax'] = scales(16).float()
            t['a.weight.quant_state.bitsandbytes__nf4'] = torch.tensor(list(json.dumps(state).encode()), dtype=torch.uint8)
            case(f'nf4-{nested}', t, {'a.weight': (table[torch.tensor(codes)] * greatest.repeat_interleave(64)).bfloat16().reshape(8, 128)})
        b, s = (torch.tensor(rng.integers(lo, hi, shape).astype(np.uint8)) for lo, hi, shape in ((0, 256, (2, 6, 3, 16)), (100, 140, (2, 6, 3))))
        case('mxfp4', {'e.gate_up_proj_blocks': b, 'e.gate_up_proj_scales': s}, {'e.gate_up_proj': convert_moe_packed_tensors(b.clone(), s.clone()).contiguous()})
        values = torch.tensor([0, .5, 1, 1.5, 2, 3, 4, 6, -0., -.5, -1, -1.5, -2, -3, -4, -6])
        b, s = rng.integers(0, 256, (6, 32)).astype(np.uint8), (scales(6, 4) * 1e4).to(torch.float8_e4m3fn)
        w = values[torch.tensor(np.stack([b & 15, b >> 4], -1).reshape(6, 64)).long()]
        one, many = torch.tensor(.003), torch.tensor([300.])
        case('nvfp4', {'a.weight': torch.tensor(b), 'a.weight_scale': s, 'a.weight_scale_2': one, 'a.input_scale': torch.tensor(.1)},
             {'a.weight': (w * (s.float() * one).repeat_interleave(16, 1)).bfloat16()})
        case('nvfp4-packed', {'a.weight_packed': torch.tensor(b), 'a.weight_scale': s, 'a.weight_global_scale': many},
             {'a.weight': (w * (s.float() / many).repeat_interleave(16, 1)).bfloat16()})
        w = torch.tensor(rng.standard_normal((6, 8))).to(torch.float8_e4m3fn)
        case('comfy', {'a.weight': w, 'a.scale_weight': torch.tensor(.02), 'scaled_fp8': torch.zeros(0).to(torch.float8_e4m3fn)},
             {'a.weight': (w.float() * torch.tensor(.02)).bfloat16()})
        """

    func testEverySchemeDecodesBitForBit() throws {
        let folder = try TemporaryFolder()
        try PythonProcess.run(Self.checkpoints, [folder.path])
        let names = try FileManager.default.contentsOfDirectory(atPath: folder.path).filter { !$0.hasSuffix(".expected") }.sorted()
        XCTAssertEqual(names.count, 19)
        for name in names {
            let plain = try CapletProcess.run(["convert", name, "-o", "plain.gguf"], in: folder.path)
            XCTAssertEqual(plain.status, 69, name)
            XCTAssertTrue(plain.errors.contains("the weights are quantised"), plain.errors)
            let made = try CapletProcess.run(
                ["convert", name, "-o", "\(name).made", "--to", "safetensors", "--dequantize"], in: folder.path)
            XCTAssertEqual(made.status, 0, "\(name): \(made.errors)")
        }
        try PythonProcess.run(
            """
            import sys, os, torch
            from safetensors.torch import load_file
            for name in sorted(os.listdir(sys.argv[1])):
                if not name.endswith('.expected'): continue
                want, made = (load_file(os.path.join(sys.argv[1], f)) for f in (name, name[:-9] + '.made/model.safetensors'))
                assert set(want) == set(made), (name, set(made))
                for key in want:
                    a, b = want[key], made[key]
                    assert a.dtype == b.dtype and a.shape == b.shape and torch.equal(a.view(torch.uint8), b.view(torch.uint8)), (name, key)
            """, [folder.path])
    }

    /// Codes without scales, groups that are not there, shapes that do not fit: each is refused by the tensor's name.
    func testTensorsThatDoNotFit() throws {
        let folder = try TemporaryFolder()
        try PythonProcess.run(
            """
            import sys, os, torch
            from safetensors.torch import save_file
            def case(name, **t): os.makedirs(f'{sys.argv[1]}/{name}'); save_file({k.replace('__', '.'): v for k, v in t.items()}, f'{sys.argv[1]}/{name}/model.safetensors')
            i32, u8 = torch.int32, torch.uint8
            case('zeros', a__qweight=torch.zeros(8, 16, dtype=i32), a__qzeros=torch.zeros(2, 3, dtype=i32), a__scales=torch.ones(2, 16).half())
            case('group', a__qweight=torch.zeros(8, 16, dtype=i32), a__qzeros=torch.zeros(2, 2, dtype=i32), a__scales=torch.ones(2, 16).half(), a__g_idx=torch.full((64,), 7, dtype=i32))
            case('awq', a__qweight=torch.zeros(9, 2, dtype=i32), a__qzeros=torch.zeros(2, 2, dtype=i32), a__scales=torch.ones(2, 16).half())
            case('shape', a__weight_packed=torch.zeros(4, 2, dtype=i32), a__weight_scale=torch.ones(4, 1), a__weight_shape=torch.tensor([4, 1 << 40]))
            case('blocks', e_blocks=torch.zeros(2, 6, 3, 15, dtype=u8), e_scales=torch.zeros(2, 6, 3, dtype=u8))
            """, [folder.path])
        for name in ["zeros", "group", "awq", "shape", "blocks"] {
            let result = try CapletProcess.run(["convert", name, "-o", "out", "--to", "safetensors", "--dequantize"], in: folder.path)
            XCTAssertTrue([65, 69].contains(result.status), "\(name): \(result.status) \(result.errors)")
            XCTAssertFalse(FileManager.default.fileExists(atPath: folder.path("out")), name)
            XCTAssertEqual(result.errors.split(separator: "\n").count, 1, result.errors)
        }
    }
}
