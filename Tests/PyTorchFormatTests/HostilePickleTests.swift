import FormatKit
import Foundation
import ModelGraph
import TestSupport
import XCTest

@testable import PyTorchFormat

/// Pickles that ask for more than tensors: every one is refused with a typed error, none is executed.
final class HostilePickleTests: XCTestCase {
    private func run(_ pickle: [UInt8]) throws -> PickleValue {
        try pickle.withUnsafeBytes { raw in
            var machine = PickleMachine(ByteReader(raw, path: "m.bin"), object: "data.pkl")
            return try machine.run()
        }
    }

    private func error(_ pickle: [UInt8], file: StaticString = #filePath, line: UInt = #line) -> String {
        do {
            _ = try run(pickle)
            XCTFail("no error", file: file, line: line)
            return ""
        } catch let error as FormatError {
            return String(error.description.dropFirst("m.bin: data.pkl: ".count))
        } catch {
            XCTFail("\(error)", file: file, line: line)
            return ""
        }
    }

    private func ascii(_ text: String) -> [UInt8] { [0x80, 2] + Array(text.utf8) }
    private func text(_ text: String) -> [UInt8] { [0x8C, UInt8(text.utf8.count)] + Array(text.utf8) }

    /// What other classes and functions make stays opaque, by its name; what would lose a tensor is refused.
    func testGlobalsThatAreNotOfTensors() throws {
        for name in [
            "os\nsystem", "builtins\neval", "torch.storage\n_load_from_bytes", "torch\nload", "numpy.core.multiarray\n_reconstruct",
        ] {
            guard case .foreign = try run(ascii("c\(name)\n(X\u{2}\0\0\0idtR.")) else { return XCTFail("\(name) was made") }
        }
        guard case .foreign = try run([0x80, 4] + text("posix") + text("system") + [0x93] + text("id") + [0x85, 0x52, 0x2E]) else {
            return XCTFail("posix.system was made")
        }
        // A new object with a state, members and elements.
        guard case .foreign = try run(ascii("cargparse\nNamespace\n)") + [0x81] + Array("}X\u{1}\0\0\0aK\u{1}sb(NNu(Ne.".utf8)) else {
            return XCTFail("a Namespace was made")
        }
        XCTAssertEqual(
            error(ascii("ctorch._utils\n_rebuild_sparse_tensor\n)R.")),
            "byte 40: global 'torch._utils._rebuild_sparse_tensor' is none of those that tensors need; nothing was executed")
        for dtype in ["Complex", "QInt8"] {
            XCTAssertTrue(
                error(tensor(storage: "torch\n\(dtype)FloatStorage")).hasSuffix(
                    "storage class 'torch.\(dtype)FloatStorage' is none of those that can be carried"))
        }
        XCTAssertEqual(error(ascii("ctorch\nfloat32\n)R.")), "byte 18: a call of a dtype or storage class")
        XCTAssertEqual(error(ascii("cos")), "byte 2: a global's name without an end")
        XCTAssertEqual(error([0x80, 4, 0x4E, 0x4E, 0x93, 0x2E]), "byte 4: a global without a name")
    }

    func testOpcodesThatAreRefused() {
        for (byte, name) in [
            (0x69, "INST"), (0x6F, "OBJ"), (0x50, "PERSID"), (0x82, "EXT1"), (0x49, "INT"), (0x97, "NEXT_BUFFER"), (0xFF, "0xff"),
        ] as [(UInt8, String)] {
            XCTAssertEqual(error([0x80, 2, byte]), "byte 2: opcode \(name) is none of those that tensors need")
        }
        XCTAssertEqual(error(ascii("NNb.")), "byte 4: BUILD sets the state of what is neither a dictionary nor an object")
        XCTAssertEqual(error([0x80, 2, 0x80, 2]), "byte 2: a pickle begins inside another")
        XCTAssertEqual(error([0x28, 0x2E]), "byte 0: no pickle of protocol 2 to 5 begins here")
        XCTAssertEqual(error([0x80, 1]), "byte 0: no pickle of protocol 2 to 5 begins here")
    }

    func testStackMemoAndContainers() {
        XCTAssertEqual(error(ascii("0")), "byte 2: takes a value from an empty stack")
        XCTAssertEqual(error(ascii("N(0")), "byte 4: takes a value from an empty stack")
        XCTAssertEqual(error(ascii("t")), "byte 2: goes back to a mark that is not there")
        XCTAssertEqual(error(ascii("NN.")), "byte 4: the pickle ends with 2 values")
        XCTAssertEqual(error(ascii("(N.")), "byte 4: the pickle ends with 1 values")
        XCTAssertEqual(error(ascii("q\u{1}")), "byte 2: remembers a value of an empty stack")
        XCTAssertEqual(error(ascii("h\u{1}")), "byte 2: recalls value 1, which was never remembered")
        XCTAssertEqual(error(ascii("NNa")), "byte 4: appends to what is no list")
        XCTAssertEqual(error(ascii("NNNs")), "byte 5: sets members of what is no dictionary")
        XCTAssertEqual(error(ascii("}(Nu")), "byte 5: sets a key without a value")
        XCTAssertEqual(error(ascii("NNR")), "byte 4: a call without a tuple of arguments")
        XCTAssertEqual(error(ascii("N)R")), "byte 4: a call of what is no global")
        XCTAssertEqual(error(ascii("NQ")), "byte 3: a persistent id that is no tuple")
        XCTAssertEqual(error(ascii(")Q")), "byte 3: a persistent id that names no storage")
        XCTAssertEqual(error([0x80, 2, 0x58, 1, 0, 0, 1]), "byte 2: text of 16777217 bytes; 16777216 are allowed")
        XCTAssertEqual(error([0x80, 2, 0x58, 9, 0, 0, 0, 0x61]), "needs 9 bytes at offset 7, 1 are left")
        XCTAssertEqual(error([0x80, 2, 0x8C, 1, 0xFF]), "is not valid UTF-8")
        XCTAssertEqual(error([0x80, 2, 0x4E]), "needs 1 bytes at offset 3, 0 are left")
    }

    func testLimits() {
        func repeated(_ opcode: Character, _ count: Int) -> [UInt8] { ascii(String(repeating: opcode, count: count)) }
        XCTAssertEqual(error(repeated("N", (1 << 20) + 1)), "byte 1048578: over 1048576 values on the stack")
        XCTAssertEqual(error(repeated("(", (1 << 20) + 1)), "byte 1048578: over 1048576 marks")
        XCTAssertEqual(
            error([0x80, 4, 0x4E] + [UInt8](repeating: 0x94, count: (1 << 20) + 1)), "byte 1048579: remembers over 1048576 values")
        let pairs = Array(String(repeating: ")0", count: (1 << 22) + 1).utf8)
        XCTAssertEqual(error([0x80, 2] + pairs), "byte 8388610: over 4194304 elements")
        let frames = [UInt8](repeating: 0x4E, count: 1) + (0..<(16 << 20)).flatMap { _ in [0x30, 0x4E] as [UInt8] }.prefix(16 << 20)
        XCTAssertTrue(error([0x80, 2] + frames).hasSuffix("the pickle is over 16777216 bytes long"))
    }

    // MARK: - Tensors

    /// `_rebuild_tensor_v2` of a storage with 4 floats.
    private func tensor(
        offset: String = "K\u{0}", sizes: String = "K\u{2}K\u{2}", strides: String = "K\u{2}K\u{1}",
        storage: String = "torch\nFloatStorage",
        count: String = "K\u{4}", rest: String = "\u{89}N"
    ) -> [UInt8] {
        var out = ascii("ctorch._utils\n_rebuild_tensor_v2\n((X")
        out +=
            [7, 0, 0, 0] + Array("storagec\(storage)\nX".utf8) + [1, 0, 0, 0] + Array("0X".utf8) + [3, 0, 0, 0]
            + Array("cpu\(count)tQ".utf8)
        out += Array("\(offset)(\(sizes)t(\(strides)t".utf8)
        out += rest.unicodeScalars.map { UInt8($0.value) } + Array("tR.".utf8)
        return out
    }

    func testTensorsThatLieAboutTheirStorage() throws {
        XCTAssertNoThrow(try run(tensor()))
        func expect(_ pickle: [UInt8], _ words: String, line: UInt = #line) {
            let found = error(pickle, line: line)
            XCTAssertTrue(found.contains(words), found, line: line)
        }
        let huge = "J\u{7f}\u{7f}\u{7f}\u{7f}"
        expect(tensor(offset: "K\u{1}"), "a tensor of storage '0' goes to element 4, and the storage has 4")
        expect(tensor(strides: "K\u{3}K\u{1}"), "goes to element 4, and the storage has 4")
        expect(tensor(sizes: "\(huge)\(huge)", strides: "K\u{1}K\u{1}"), "and the storage has 4")
        expect(tensor(sizes: "\(huge)\(huge)\(huge)", strides: "K\u{1}K\u{1}K\u{1}"), "has sizes that are no shape")
        expect(tensor(sizes: "\(huge)\(huge)", strides: "\(huge)\(huge)"), "and the storage has 4")
        expect(tensor(sizes: huge, strides: "K\u{0}"), "repeats elements: 8556248572 bytes from 16")
        expect(tensor(sizes: "K\u{2}", strides: "K\u{1}K\u{1}"), "has strides or an offset that fit no tensor")
        expect(tensor(sizes: "NN"), "a tensor without storage, offset, sizes and strides")
        expect(tensor(rest: "\u{89}"), "a tensor without storage, offset, sizes and strides")
        expect(tensor(rest: "\u{89}N}(K\u{1}K\u{2}u"), "conjugated or negated")
        expect(tensor(storage: "torch\nUntypedStorage"), "a tensor without a dtype")
        expect(tensor(count: "N"), "a persistent id that names no storage")
        expect(tensor(rest: "\u{89}NNN"), "a tensor without storage, offset, sizes and strides")
    }

    func testCallsWithWrongArguments() {
        XCTAssertEqual(error(ascii("ctorch._utils\n_rebuild_parameter\n)R.")), "byte 36: a parameter of what is no tensor")
        XCTAssertEqual(error(ascii("ctorch\nSize\n)R.")), "byte 15: a torch.Size of no integers")
        XCTAssertEqual(error(ascii("ccollections\nOrderedDict\n(NtR.")), "byte 30: an OrderedDict of no pairs")
    }

    /// Python's own pickler makes what hostile checkpoints would be; what they ask for does not happen.
    func testHostileFiles() throws {
        let folder = try TemporaryFolder()
        try PythonProcess.run(
            """
            import sys, os, io, zipfile, struct, pickle, warnings, torch
            warnings.simplefilter('ignore')
            out = sys.argv[1] + '/'
            class Evil:
                def __reduce__(self): return (os.system, (f'touch {out}executed',))
            torch.save(Evil(), out + 'evil.pt'); torch.save(Evil(), out + 'evil-legacy.pt', _use_new_zipfile_serialization=False)
            torch.save({'a': torch.ones(4), 'b': Evil()}, out + 'beside.pt'); torch.save({'model': Evil(), 'a': torch.ones(4)}, out + 'evil-model.pt')
            torch.save(torch.ones(2, dtype=torch.complex64), out + 'complex.pt')
            torch.save(torch.ones(2, dtype=torch.float8_e4m3fnuz), out + 'fnuz.pt')
            torch.save(torch.quantize_per_tensor(torch.ones(2), .1, 0, torch.quint8), out + 'quantized.pt')
            torch.save(torch.ones(2).to_sparse(), out + 'sparse.pt')
            torch.save(3, out + 'number.pt')
            torch.save({'x': {'a': torch.ones(1)}, 'x.a': torch.ones(1)}, out + 'twice.pt')
            torch.save({'a': torch.ones(4)}, out + 'good.pt')
            z = zipfile.ZipFile(out + 'good.pt'); members = {i.filename: z.read(i) for i in z.infolist()}
            def make(name, change={}, method=zipfile.ZIP_STORED, drop=(), extra=()):
                with zipfile.ZipFile(out + name, 'w', method) as f:
                    for k, v in {**members, **change}.items():
                        if k not in drop: f.writestr(k, v)
                    for k, v in extra: f.writestr(k, v)
            make('again.pt')
            make('short.pt', {'good/data/0': b'1234567'}); make('lost.pt', drop=['good/data/0']); make('deflated.pt', method=zipfile.ZIP_DEFLATED)
            make('big.pt', {'good/byteorder': b'big'}); make('script.pt', {'good/constants.pkl': b''}); make('nopickle.pt', drop=['good/data.pkl'])
            make('two.pt', {'other/data.pkl': members['good/data.pkl']}); make('trailing.pt', {'good/data.pkl': members['good/data.pkl'] + b'x'})
            make('parent.pt', {'good/data/../0': b''}); make('member-twice.pt', extra=[('good/data/0', bytes(16))])
            make('order.pt', {'good/byteorder': b'little' * 10})
            nest = [torch.ones(1)]
            for i in range(40): nest = [nest]
            torch.save(nest, out + 'deep.pt')
            laughs = [torch.ones(1)]
            for i in range(30): laughs = [laughs] * 10
            torch.save(laughs, out + 'laughs.pt')
            cycle = {'a': torch.ones(4)}; cycle['self'] = cycle; cycle['list'] = [cycle]; torch.save(cycle, out + 'cycle.pt')
            legacy = io.BytesIO(); torch.save({'a': torch.ones(4)}, legacy, _use_new_zipfile_serialization=False); legacy = legacy.getvalue()
            open(out + 'legacy-short.pt', 'wb').write(legacy[:-1]); open(out + 'legacy-long.pt', 'wb').write(legacy + b'x')
            open(out + 'legacy-version.pt', 'wb').write(legacy.replace(b'M\\xe9\\x03.', b'M\\xea\\x03.', 1))
            open(out + 'legacy-big.pt', 'wb').write(legacy.replace(b'little_endianq\\x02\\x88', b'little_endianq\\x02\\x89', 1))
            open(out + 'legacy-count.pt', 'wb').write(legacy[:-24] + struct.pack('<q', 2**62) + legacy[-16:])
            open(out + 'text.pt', 'wb').write(b'not a checkpoint')
            """, [folder.path])
        let expected = [
            "evil.pt": "system' is none of those that tensors need; nothing was executed", "evil-legacy.pt": "nothing was executed",
            "evil-model.pt": "'model': is an object of 'posix.system', which is not run",
            "complex.pt": "storage class 'torch.ComplexFloatStorage' is none",
            "fnuz.pt": "a tensor of dtype torch.float8_e4m3fnuz, which cannot be carried",
            "quantized.pt": "storage class 'torch.QUInt8Storage' is none",
            "sparse.pt": "global 'torch._utils._rebuild_sparse_tensor' is none",
            "number.pt": "holds no tensors", "twice.pt": "tensor 'x.a': is there twice", "deep.pt": "is nested deeper than 32",
            "short.pt": "needs a storage of 16 bytes; '0' has 7", "lost.pt": "lies in storage '0', which the archive does not have",
            "deflated.pt": "is compressed; torch.save stores", "big.pt": "byteorder: is 'big'; little can be read",
            "script.pt": "TorchScript",
            "nopickle.pt": "has 0 members NAME/data.pkl", "two.pt": "has 2 members NAME/data.pkl",
            "trailing.pt": "has 1 bytes after the pickle",
            "parent.pt": "has a member with the name 'good/data/../0'", "member-twice.pt": "is in the directory twice",
            "order.pt": "is 60 bytes long; 16 are allowed",
            "legacy-short.pt": "storage", "legacy-long.pt": "has 1 bytes after its last storage",
            "legacy-version.pt": "is of another version than 1001",
            "legacy-big.pt": "has big-endian storages", "legacy-count.pt": "is too large", "text.pt": "begins neither as a zip archive nor",
        ]
        let format = PyTorchFormat()
        for (name, words) in expected {
            XCTAssertThrowsError(try format.read(folder.path(name), ReadContext()), name) { error in
                XCTAssertTrue(error is FormatError && "\(error)".contains(words), "\(name): \(error)")
            }
        }
        for name in ["good.pt", "again.pt", "beside.pt"] {
            XCTAssertEqual(
                try format.read(folder.path(name), ReadContext()).tensors.map { try $0.payload.densifiedFloats() }, [[1, 1, 1, 1]])
        }
        // What is met again is walked once, so cycles and nested repetitions end.
        XCTAssertEqual(try format.read(folder.path("cycle.pt"), ReadContext()).tensors.map(\.name), ["a"])
        XCTAssertEqual(try format.read(folder.path("laughs.pt"), ReadContext()).tensors.count, 1)
        XCTAssertFalse(FileManager.default.fileExists(atPath: folder.path("executed")))
    }

    /// Every byte changed and every length cut: a typed error or a graph whose tensors can be read.
    func testDamage() throws {
        let folder = try TemporaryFolder()
        try PythonProcess.run(
            """
            import sys, torch
            w = torch.nn.Parameter(torch.randn(3, 4))
            for name, new in (('m.pt', True), ('l.pt', False)):
                torch.save({'w': w, 't': w.t(), 'b': torch.ones(2, dtype=torch.bfloat16), 'f': torch.ones(2, dtype=torch.float8_e5m2)}, sys.argv[1] + '/' + name,
                    _use_new_zipfile_serialization=new)
            """, [folder.path])
        for name in ["m.pt", "l.pt"] {
            let bytes = try TemporaryFolder.bytes(of: folder.path(name))
            for position in bytes.indices {
                var damaged = bytes
                damaged[position] = [0x00, 0x2E, 0xFF, bytes[position] ^ 1][position % 4]
                try expectNoTrap(damaged, folder)
                if position % 7 == 0 { try expectNoTrap(Array(bytes[..<position]), folder, mustFail: true) }
            }
        }
    }

    private func expectNoTrap(_ bytes: [UInt8], _ folder: TemporaryFolder, mustFail: Bool = false) throws {
        let path = try folder.write(bytes, as: "damaged.pt")
        do {
            let graph = try PyTorchFormat().read(path, ReadContext())
            for tensor in graph.tensors { _ = try tensor.payload.nonFiniteCount() }
            XCTAssertFalse(mustFail, "a file cut short was accepted")
        } catch is FormatError {
        } catch {
            XCTFail("\(error)")
        }
    }
}
