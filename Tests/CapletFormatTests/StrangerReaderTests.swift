import CapletFormat
import Execution
import FormatKit
import ModelGraph
import TestSupport
import XCTest

/// The reader in Python that SPEC.md comes with, written from it alone, gets the same numbers.
final class StrangerReaderTests: XCTestCase {
    func testPythonReadsEveryPayloadAndDType() throws {
        let folder = try TemporaryFolder()
        var graph = try ContainerSamples.everyPayload()
        try graph.append(SampleGraph.tensor("large", .i32, [700_000]))
        for dtype in DType.allCases where dtype.hasWholeBytes {
            try graph.append(SampleGraph.tensor("of.\(dtype.rawValue)", dtype, [5, 3]))
        }
        graph.attachments = SampleGraph.attachments
        graph.metadata["tokens"] = .array(.string, (0..<40).map { .string("t\($0)") })
        graph.metadata["numbers"] = .array(.float32, (0..<50).map { .float32(Float($0) / 3) })
        graph.metadata["epsilon"] = .float32(1e-5)
        graph.metadata["name"] = .string("wren")
        let path = folder.path("m.caplet")
        try CapletFormat().write(graph, to: path, WriteOptions(), ExecutionContext())
        let text = try PythonProcess.run(StrangerReaderTests.script, [StrangerReaderTests.reader, path])
        var found: [String: String] = [:]
        for line in text.split(separator: "\n") {
            let fields = line.split(separator: " ", maxSplits: 1)
            found[String(fields[0])] = String(fields[1])
        }
        for tensor in graph.tensors {
            let line = try XCTUnwrap(found[tensor.name], tensor.name)
            guard tensor.dtype.isComputable else {
                XCTAssertTrue(
                    line.hasPrefix("refused") || !StrangerReaderTests.floats.contains(tensor.dtype.rawValue), "\(tensor.name): \(line)")
                continue
            }
            let fields = line.split(separator: " ", maxSplits: 1)
            let sum = try tensor.payload.densifiedFloats().enumerated().reduce(0.0) { $0 + Double($1.element) * Double($1.offset % 97 + 1) }
            let theirs = try XCTUnwrap(Double(fields[0]), "\(tensor.name): \(line)")
            // Doubles that no float holds are infinite here, and not there.
            let isComparable = tensor.dtype != .f64 || sum.isFinite
            XCTAssertTrue(
                !isComparable || theirs.isNaN && sum.isNaN || abs(theirs - sum) <= 1e-5 * max(1, abs(sum)),
                "\(tensor.name): \(line), not \(sum)")
            XCTAssertEqual(String(fields[1]), "[" + tensor.shape.dimensions.map(String.init).joined(separator: ", ") + "]", tensor.name)
        }
        XCTAssertEqual(found["config.json"], String(SampleGraph.attachments[0].bytes.count))
        XCTAssertEqual(found["tokens"], "40 ['t39']")
        XCTAssertEqual(found["numbers"], "50 [16.33333396911621]")
        XCTAssertEqual(found["epsilon"], "1e-05")
        XCTAssertEqual(found["name"], "wren")
    }

    /// Codes of a coder that adapts take what its frequencies say, and little more: the reader in Python adds up the bits of each symbol.
    func testAdaptiveCodesTakeTheirEntropy() throws {
        let folder = try TemporaryFolder()
        let path = folder.path("m.caplet")
        var graph = TensorGraph()
        for (name, isTrellis) in [("one", false), ("trellis", true)] {
            let codes = ContainerSamples.adaptive(60 * 300, columns: 300, scale: 1.5, isTrellis: isTrellis)
            let scales = try DenseTensor(floats: ContainerSamples.noise(60, seed: 1), shape: Shape(count: 60), dtype: .bf16)
            let payload = Payload.quantized(
                try QuantizedTensor(
                    shape: Shape(rows: 60, columns: 300), bits: 8, groupSize: 300, codes: OwnedBytes(codes), scales: scales, zeroPoints: nil
                ))
            try graph.append(Tensor(name: name, shape: payload.shape, dtype: .bf16, role: .linear, payload: payload))
        }
        try CapletFormat().write(graph, to: path, WriteOptions(), ExecutionContext())
        let text = try PythonProcess.run(
            """
            import math, sys, runpy
            reader = runpy.run_path(sys.argv[1])
            total, frequencies, words = [0.0], reader['Frequencies'], reader['Words']
            decode, bits = frequencies.decode, words.bits
            def counted(self, source):
                below = [b >> 16 for b in self.below] + [1 << 15]
                symbol = decode(self, source)
                total[0] -= math.log2((below[symbol + 1] - below[symbol]) / (1 << 15))
                return symbol
            def plain(self, count):
                total[0] += count
                return bits(self, count)
            frequencies.decode, words.bits = counted, plain
            file = reader['CapletFile'](sys.argv[2])
            for name in file.tensors:
                total[0], part = 0.0, file.tensors[name]['payload']['codes']
                file.content(part)
                print(part['encoding']['adaptive']['trellis'], total[0] / 8, sum(stored for stored, _ in part['frames']))
            """, [StrangerReaderTests.reader, path])
        let lines = text.split(separator: "\n").map { $0.split(separator: " ") }
        XCTAssertEqual(lines.map { $0[0] }, ["False", "True"])
        for line in lines {
            let (ideal, stored) = (try XCTUnwrap(Double(line[1])), try XCTUnwrap(Double(line[2])))
            XCTAssertGreaterThan(ideal, 3000)
            XCTAssertGreaterThan(stored, ideal)
            XCTAssertLessThan(stored, 1.015 * ideal)
        }
    }

    /// A file that ends early, and one with a bit turned in each of its frames, is refused with one line that names it.
    func testPythonRefusesDamage() throws {
        let folder = try TemporaryFolder()
        let path = folder.path("m.caplet")
        try CapletFormat().write(try ContainerSamples.everyPayload(), to: path, WriteOptions(), ExecutionContext())
        let text = try PythonProcess.run(
            """
            import sys, runpy
            reader = runpy.run_path(sys.argv[1])
            data = open(sys.argv[2], 'rb').read()
            def attempt(bytes):
                open(sys.argv[2], 'wb').write(bytes)
                try: reader['CapletFile'](sys.argv[2]).state_dict()
                except reader['CapletError'] as error: return str(error)
                return 'read'
            for cut in (0, 40, 111, len(data) // 2, len(data) - 1): print(attempt(data[:cut]))
            start, end = data.index(b'CAPLET') + 20, len(data) - 76
            missed = [at for at in range(start, end, 41) if attempt(data[:at] + bytes([data[at] ^ 16]) + data[at + 1:]) == 'read']
            print(len(missed), len(range(start, end, 41)))
            """, [StrangerReaderTests.reader, path])
        let lines = text.split(separator: "\n").map(String.init)
        for line in lines.dropLast() { XCTAssertTrue(line.hasPrefix(path), line) }
        let counts = try XCTUnwrap(lines.last).split(separator: " ").compactMap { Int($0) }
        // zstd's checksums see all bits but those that mean nothing to it: a few in thousands.
        XCTAssertLessThanOrEqual(counts[0], counts[1] / 100)
    }

    private static let reader = Repository.path("formats/caplet/reference/caplet_reader.py")
    private static let floats = Set(["F64", "F32", "F16", "BF16", "F8_E4M3", "F8_E5M2"])

    /// The reference reader, and for each tensor a sum that knows its elements' order.
    private static let script = #"""
        import sys, runpy, numpy as np
        reader = runpy.run_path(sys.argv[1])
        file = reader['CapletFile'](sys.argv[2])
        for name in file.tensors:
            try: v = file.tensor(name)
            except reader['CapletError'] as error: print(name, 'refused:', error); continue
            print(name, repr(float((v.astype(np.float64).reshape(-1) * (np.arange(v.size) % 97 + 1)).sum())), list(v.shape))
        for name, content in file.attachments().items(): print(name, len(content))
        for key, value in file.metadata(): print(key, value if not isinstance(value, list) else f'{len(value)} {value[-1:]}')
        """#
}
