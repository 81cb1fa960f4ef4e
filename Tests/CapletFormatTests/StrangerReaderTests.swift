import CapletFormat
import Execution
import FormatKit
import ModelGraph
import TestSupport
import XCTest

/// A reader written from SPEC.md alone, in Python, gets the same numbers.
final class StrangerReaderTests: XCTestCase {
    func testPythonReadsTheFileFromItsSpecification() throws {
        let folder = try TemporaryFolder()
        var graph = try ContainerSamples.everyPayload()
        try graph.append(SampleGraph.tensor("large", .i32, [700_000]))
        graph.attachments = SampleGraph.attachments
        graph.metadata["tokens"] = .array(.string, (0..<40).map { .string("t\($0)") })
        let path = folder.path("m.caplet")
        try CapletFormat().write(graph, to: path, WriteOptions(), ExecutionContext())
        let text = try PythonProcess.run(StrangerReaderTests.script, [path])
        var found: [String: String] = [:]
        for line in text.split(separator: "\n") {
            let fields = line.split(separator: " ", maxSplits: 1)
            found[String(fields[0])] = String(fields[1])
        }
        for tensor in graph.tensors where tensor.dtype.isComputable && tensor.shape.elementCount > 0 && tensor.name != "scalar" {
            let sum = try tensor.payload.densifiedFloats().enumerated().reduce(0.0) { $0 + Double($1.element) * Double($1.offset % 97 + 1) }
            let theirs = try XCTUnwrap(found[tensor.name].flatMap(Double.init), tensor.name)
            XCTAssertEqual(theirs, sum, accuracy: 1e-3 * max(1, abs(sum)), tensor.name)
        }
        XCTAssertEqual(found["config.json"], String(SampleGraph.attachments[0].bytes.count))
        XCTAssertEqual(found["tokens"], "40 t39")
    }

    private static let script = #"""
        import sys, json, struct, zstandard, numpy as np
        f = open(sys.argv[1], 'rb').read()
        assert f[16:22] == b'CAPLET' and f[-10:-4] == b'CAPLET'
        foot = f[-76:][16:72]
        offset, stored, size = struct.unpack('<QQQ', foot[:24])
        inflate = lambda b: zstandard.ZstdDecompressor().decompress(b)
        m = json.loads(inflate(f[offset:offset + stored]))
        NP = {'F64': '<f8', 'F32': '<f4', 'F16': '<f2', 'I64': '<i8', 'I32': '<i4', 'BF16': '<u2'}

        def content(p):
            at, frames = p['offset'], []
            for stored, size in p['frames']:
                frames.append(inflate(f[at:at + stored])); at += stored
                assert len(frames[-1]) == size
            e, out = p['encoding'], b''
            name = e if isinstance(e, str) else next(iter(e))
            if name in ('planes', 'floatPlanes'):
                w = e[name]
                for i in range(0, len(frames), w):
                    x = np.stack([np.frombuffer(b, np.uint8) for b in frames[i:i + w]], 1).copy().view('<u%d' % w).reshape(-1)
                    if name == 'floatPlanes': x = (x >> np.array(1, x.dtype)) | (x << np.array(8 * w - 1, x.dtype))
                    out += x.tobytes()
            elif name == 'packed':
                q, left = e['packed'], p['bytes']
                k = {2: 8, 3: 5, 4: 4, 5: 3, 6: 3}.get(q['radix'], 2)
                for b in frames:
                    n = min(p['chunk'], left); left -= n
                    d = -(-n // k); digits = []
                    for x in b[:d]:
                        for _ in range(k): digits.append(x % q['radix']); x //= q['radix']
                    rest = iter(b[d:])
                    out += bytes(next(rest) if q['escapes'] and g == q['radix'] - 1 else (g + q['low']) % 256 for g in digits[:n])
            elif name == 'gaps':
                left = p['bytes']
                for b in frames:
                    n = min(p['chunk'], left); left -= n
                    bits, at = np.zeros(n * 8, np.uint8), 0
                    for g in b:
                        at += g
                        if g < 255: bits[at] = 1; at += 1
                    out += np.packbits(bits, bitorder='little').tobytes()
            else: out = b''.join(frames)
            assert len(out) == p['bytes']
            return out

        def array(a):
            x = np.frombuffer(content(a['part']), NP[a['dtype']])
            if a['dtype'] == 'BF16': x = (x.astype('<u4') << 16).view('<f4')
            return x.astype(np.float64).reshape(a['shape'])

        def values(p):
            kind = p['kind']
            if kind == 'dense': return array(p['array'])
            if kind == 'lowRank': return values(p['u']) @ values(p['v'])
            if kind == 'composite': return sum(values(t) for t in p['terms'])
            if kind == 'sparse':
                n = p['rows'] * p['columns']
                bits = np.unpackbits(np.frombuffer(content(p['positions']), np.uint8), bitorder='little')[:n].astype(bool)
                assert bits.sum() == p['nonZeros']
                out = np.zeros(n); out[bits] = values(p['values'])
                return out.reshape(p['rows'], p['columns'])
            zeros = p.get('zeroPoints')
            codes = np.frombuffer(content(p['codes']), np.uint8 if zeros else np.int8).astype(np.float64)
            columns = p['shape'][-1]
            groups = -(-columns // p['groupSize'])
            index = (np.arange(codes.size) // columns) * groups + (np.arange(codes.size) % columns) // p['groupSize']
            if zeros: codes = codes - np.frombuffer(content(zeros), np.uint8)[index]
            out = (codes * array(p['scales'])[index]).reshape(p['shape'])
            return out * array(p['columnScales']) if 'columnScales' in p else out

        for t in m['tensors']:
            v = values(t['payload']); assert list(v.shape) == t['shape']
            print(t['name'], float((v.reshape(-1) * (np.arange(v.size) % 97 + 1)).sum()))
        for a in m['attachments']: print(a['name'], len(content(a['part'])))
        for key, value in m['metadata']:
            if 'longArray' in value:
                b, items = content(value['longArray']['part']), []
                while b: n, = struct.unpack('<I', b[:4]); items.append(b[4:4 + n].decode()); b = b[4 + n:]
                assert len(items) == value['longArray']['count']
                print(key, len(items), items[-1])
        """#
}
