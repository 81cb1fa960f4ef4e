import Execution
import FormatKit
import ModelGraph
import TestSupport
import XCTest

@testable import NPYFormat

final class NPYFormatTests: XCTestCase {
    private let format = NPYFormat()
    private let dtypes = DType.allCases.filter(NPYElementType.carries)

    func testArchiveConforms() throws {
        var suite = FormatConformance(format, outputName: "m.npz", dtypes: dtypes)
        suite.oddNames += ["", "%2F", "caplet.json", "x.npy"]
        try suite.run()
    }

    func testFolderConforms() throws {
        var suite = FormatConformance(format, outputName: "m", dtypes: dtypes)
        suite.oddNames += ["", "%2F", "%", "%zz", "caplet.json", "x.npy"]
        try suite.run()
    }

    /// Texts and objects beside the weights are left out and named; where there is nothing else the file is refused.
    func testTextsAmongArraysAreLeftOut() throws {
        let folder = try TemporaryFolder()
        try PythonProcess.run(
            """
            import sys, numpy as np
            w, t = np.arange(6, dtype=np.float32).reshape(2, 3), np.array(['a', 'bcd'])
            objects = np.array([{}, None], dtype=object)
            np.savez(sys.argv[1] + '/mixed.npz', w=w, text=t, data=t.astype('S'), objects=objects, byte=np.zeros(3, 'V1'))
            np.savez_compressed(sys.argv[1] + '/deflated.npz', w=w, text=t)
            np.savez(sys.argv[1] + '/texts.npz', text=t)
            np.save(sys.argv[1] + '/text.npy', t)
            """, [folder.path])
        var warnings: [String] = []
        let mixed = try format.read(folder.path("mixed.npz"), ReadContext(byteDType: .f8E5M2) { warnings.append($0) })
        XCTAssertEqual(mixed.tensors.map(\.name), ["w", "byte"])
        XCTAssertEqual(mixed.tensors[1].dtype, .f8E5M2)
        XCTAssertThrowsError(try format.read(folder.path("mixed.npz"), ReadContext())) {
            XCTAssertEqual(($0 as? FormatError)?.remedy, .nameByteDType)
            XCTAssertTrue("\($0)".contains("array 'byte': has dtype V1"), "\($0)")
        }
        XCTAssertEqual(warnings.count, 3)
        for (warning, part) in zip(
            warnings,
            [
                "'text' of dtype '<U3' holds texts", "'data' of dtype '|S3' holds texts", "'objects' of dtype '|O' holds Python objects",
            ])
        { XCTAssertTrue(warning.contains(part), warning) }
        XCTAssertEqual(try format.read(folder.path("deflated.npz"), ReadContext()).tensors.map(\.name), ["w"])
        for name in ["texts.npz", "text.npy"] {
            XCTAssertThrowsError(try format.read(folder.path(name), ReadContext())) {
                XCTAssertEqual(($0 as? FormatError)?.kind, .unsupported, "\($0)")
            }
        }
    }

    private static let numpyArrays = """
        import sys, numpy as np, ml_dtypes as ml
        r = np.random.default_rng(0)
        def make(kind):
            raw = r.integers(0, 256, 2 * 3 * 4 * np.dtype(kind).itemsize, dtype=np.uint8)
            if kind == np.bool_: raw &= 1
            return raw.view(kind).reshape(2, 3, 4)
        kinds = {'F64': np.float64, 'F32': np.float32, 'F16': np.float16, 'I64': np.int64, 'I32': np.int32, 'I16': np.int16,
                 'I8': np.int8, 'U64': np.uint64, 'U32': np.uint32, 'U16': np.uint16, 'U8': np.uint8, 'BOOL': np.bool_,
                 'BF16': ml.bfloat16}
        arrays = {name: make(kind) for name, kind in kinds.items()}
        """

    /// Both ways through np.savez, stored and deflated, both byte orders, both element orders, every header version.
    func testReadsWhatNumPyWrites() throws {
        let folder = try TemporaryFolder()
        let lines = try PythonProcess.run(
            NPYFormatTests.numpyArrays + """

                out = dict(arrays)
                for name in list(arrays):
                    a = arrays[name]
                    if name != 'BF16': out[name + '/big'] = a.astype(a.dtype.newbyteorder('>'))
                    out[name + '/fortran'] = np.asfortranarray(a)
                out['scalar'] = np.float32(2.5); out['empty'] = np.zeros((0, 3), np.int16)
                np.savez(sys.argv[1] + '/stored.npz', **out); np.savez_compressed(sys.argv[1] + '/deflated.npz', **out)
                for name, a in out.items():
                    print(name + '|' + str(list(a.shape)) + '|' + np.ascontiguousarray(a).astype(a.dtype.newbyteorder('<')).tobytes().hex())
                for v in (1, 2, 3):
                    with open(f'{sys.argv[1]}/v{v}.npy', 'wb') as f: np.lib.format.write_array(f, np.arange(5), version=(v, 0))
                """, [folder.path]
        ).split(separator: "\n").map(String.init)
        for name in ["stored.npz", "deflated.npz"] {
            let graph = try format.read(folder.path(name), ReadContext())
            let ours = try graph.tensors.map { try "\($0.name)|\($0.shape)|\(hex($0))" }
            XCTAssertEqual(ours, lines, name)
            for tensor in graph.tensors where tensor.name.contains("F") || tensor.name.contains("I") {
                if let dtype = DType(rawValue: tensor.name.split(separator: "/")[0].description) { XCTAssertEqual(tensor.dtype, dtype) }
            }
        }
        for version in 1...3 {
            let graph = try format.read(folder.path("v\(version).npy"), ReadContext())
            XCTAssertEqual(graph.tensors.map(\.name), ["v\(version)"])
            XCTAssertEqual(graph.tensors[0].dtype, .i64)
        }
    }

    /// np.load gives the same bits, and np.save of the same arrays the same .npy files.
    func testNumPyReadsWhatWeWrite() throws {
        let folder = try TemporaryFolder()
        var graph = try SampleGraph.graph(
            dtypes.filter { $0.rawValue.first != "F" || $0.byteWidth > 1 }.map {
                try SampleGraph.tensor("t/\($0.rawValue)", $0, [3, 5])
            } + [SampleGraph.tensor("scalar", .f32, []), SampleGraph.tensor("vector", .f32, [7])])
        graph.metadata["general.name"] = .string("x")
        graph.attachments = SampleGraph.attachments
        try format.write(graph, to: folder.path("m.npz"), WriteOptions(), ExecutionContext())
        try format.write(graph, to: folder.path("m"), WriteOptions(), ExecutionContext())
        let lines = try PythonProcess.run(
            """
            import sys, io, os, zipfile, ml_dtypes, numpy as np
            z = np.load(sys.argv[1] + '/m.npz'); zipped = zipfile.ZipFile(sys.argv[1] + '/m.npz')
            assert zipped.testzip() is None and isinstance(z['config.json'], bytes)
            for name in z.files:
                if not (name + '.npy') in zipped.namelist(): continue
                a = z[name]; b = io.BytesIO()
                np.save(b, a.view(ml_dtypes.bfloat16) if a.dtype == np.dtype('V2') else a)
                assert b.getvalue() == zipped.read(name + '.npy'), name
                assert b.getvalue() == open(sys.argv[1] + '/m/' + name.replace('/', '%2F') + '.npy', 'rb').read(), name
                print(name + '|' + str(list(a.shape)) + '|' + a.tobytes().hex())
            """, [folder.path]
        ).split(separator: "\n").map(String.init)
        XCTAssertEqual(lines, try graph.tensors.map { try "\($0.name)|\($0.shape)|\(hex($0))" })
    }

    func testDTypesThatNumPyLacksAreRefusedByName() throws {
        for dtype in DType.allCases where !NPYElementType.carries(dtype) {
            let graph = try SampleGraph.graph([SampleGraph.tensor("a", dtype, [4, 2])])
            XCTAssertThrowsError(try format.plan(graph, options("x.npz"))) {
                XCTAssertTrue("\($0)".hasSuffix("tensor 'a': is \(dtype.rawValue), which NumPy does not have"), "\($0)")
            }
        }
    }

    func testSingleArray() throws {
        let folder = try TemporaryFolder()
        for dtype in dtypes {
            var graph = try SampleGraph.graph([SampleGraph.tensor("a.\(dtype.rawValue)", dtype, [4, 3])])
            let plan = try format.write(graph, to: folder.path("a.\(dtype.rawValue).npy"), WriteOptions(), ExecutionContext())
            XCTAssertEqual(plan.warnings.isEmpty, dtype != .f8E5M2)
            // NumPy has no name for the one of 8 bits.
            let asked = dtype == .f8E4M3 ? dtype : nil
            let back = try format.read(folder.path("a.\(dtype.rawValue).npy"), ReadContext(byteDType: asked))
            XCTAssertEqual(back.tensors.map(\.name), ["a.\(dtype.rawValue)"])
            XCTAssertEqual(back.tensors[0].dtype, dtype)
            XCTAssertEqual(try hex(back.tensors[0]), try hex(graph.tensors[0]))
            graph.attachments = SampleGraph.attachments
            XCTAssertFalse(try format.plan(graph, options("x.npy")).warnings.isEmpty)
            try graph.append(SampleGraph.tensor("second", dtype, [1]))
            XCTAssertThrowsError(try format.plan(graph, options("x.npy")))
        }
    }

    func testHostileArrayHeaders() throws {
        let cases: [(String, FormatError.Kind)] = [
            ("{'descr': '|O', 'fortran_order': False, 'shape': (1,), }", .unsupported),
            ("{'descr': [('a', '<f4')], 'fortran_order': False, 'shape': (1,), }", .unsupported),
            ("{'descr': '<U4', 'fortran_order': False, 'shape': (1,), }", .unsupported),
            ("{'descr': '<c8', 'fortran_order': False, 'shape': (1,), }", .unsupported),
            ("{'descr': '<f4', 'fortran_order': False, 'shape': (4611686018427387904, 8), }", .malformed),
            ("{'descr': '<f4', 'fortran_order': False, 'shape': (99999999999999999999,), }", .malformed),
            ("{'descr': '<f4', 'fortran_order': False, 'shape': (-1,), }", .malformed),
            ("{'descr': '<f4', 'fortran_order': False, 'shape': (2,), }", .malformed),
            ("{'descr': '<f4', 'fortran_order': 0, 'shape': (1,), }", .malformed),
            ("{'descr': '<f4', 'descr': '<f4', 'fortran_order': False, 'shape': (1,), }", .malformed),
            ("{'descr': '<f4', 'fortran_order': False, 'shape': (1,), 'x': 1}", .malformed),
            ("{'descr': '<f4', 'fortran_order': False, 'shape': (1,1,1,1,1,1,1,1,1), }", .malformed),
            ("__import__('os').system('true')", .malformed), ("", .malformed), ("{", .malformed), ("{'descr", .malformed),
        ]
        let folder = try TemporaryFolder()
        for (text, kind) in cases {
            let length = [UInt8(truncatingIfNeeded: text.utf8.count), UInt8(truncatingIfNeeded: text.utf8.count >> 8)]
            let bytes = NPYHeader.magic + [1, 0] + length + Array(text.utf8) + [0, 0, 0, 0]
            let path = try folder.write(bytes, as: "h.npy")
            XCTAssertThrowsError(try format.read(path, ReadContext()), text) {
                XCTAssertEqual(($0 as? FormatError)?.kind, kind, "\(text): \($0)")
            }
        }
    }

    private func options(_ path: String) -> WriteOptions {
        var options = WriteOptions()
        options.outputPath = path
        return options
    }

    private func hex(_ tensor: Tensor) throws -> String {
        guard case .dense(let dense) = tensor.payload else { return "" }
        return try dense.bytes.withUnsafeBytes { $0.map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined() }
    }
}
