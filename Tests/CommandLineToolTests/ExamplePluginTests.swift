import Foundation
import TestSupport
import XCTest

/// The packages under Examples: built as their READMEs say, checked, and run on real work.
final class ExamplePluginTests: XCTestCase {
    private static let format = Result { try build("make -s", in: "Examples/MXNetFormat", product: "libMXNetFormat.so") }
    private static let pass = Result {
        try build("swift build -c release", in: "Examples/SpectralSplit", product: ".build/release/libSpectralSplit.so")
    }

    private static func build(_ line: String, in package: String, product: String) throws -> String {
        let folder = Repository.path(package)
        let result = try CapletProcess.shell(line, in: folder)
        guard result.status == 0 else { throw CapletProcess.Failure(description: "\(line): \(result.output)\(result.errors)") }
        return "\(folder)/\(product)"
    }

    private func check(_ plugin: String, checks: Int) throws {
        let folder = try TemporaryFolder()
        let result = try CapletProcess.run(["plugin-check", plugin], in: folder.path)
        XCTAssertEqual(result.status, 0, result.output + result.errors)
        XCTAssertTrue(result.output.hasSuffix("\n\(checks) checks passed\n"), result.output)
        XCTAssertFalse(result.output.contains("FAILED"), result.output)
    }

    func testTheFormatConforms() throws { try check(ExamplePluginTests.format.get(), checks: 12) }

    func testThePassConforms() throws { try check(ExamplePluginTests.pass.get(), checks: 10) }

    /// A suite that cannot fail proves nothing.
    func testAPassThatFails() throws {
        let folder = try TemporaryFolder()
        let plugin = try FaultyPlugin.make("PART_NAN", in: folder.path)
        try folder.write([], as: "in.faulty")
        let result = try CapletProcess.run(["plugin-check", plugin, "--sample", "in.faulty"], in: folder.path)
        XCTAssertEqual(result.status, 1, result.errors)
        XCTAssertTrue(result.output.contains("  FAILED  results do not depend on threads"), result.output)
        XCTAssertTrue(result.output.contains("the dense part holds NaN"), result.output)
    }

    /// Files that a reader and a writer of the test's own make and take, by the table in the example's README.
    func testFilesOfTheFormat() throws {
        let folder = try TemporaryFolder()
        let plugin = try ExamplePluginTests.format.get()
        let python = """
            import sys, struct, numpy as np
            flags = {0: 'f4', 1: 'f8', 2: 'f2', 3: 'u1', 4: 'i4', 5: 'i1', 6: 'i8'}
            arrays = {'arg:w': np.arange(12, dtype='f4').reshape(3, 4), 'ü': np.array([1, 2], 'i8'), 'h': np.ones((2, 1, 2), 'f2')}
            if sys.argv[2] == 'write':
                out = struct.pack('<QQQ', 0x112, 0, len(arrays))
                for a in arrays.values():
                    flag = [k for k, v in flags.items() if np.dtype(v) == a.dtype][0]
                    out += struct.pack('<III', 0xF993FAC9, 0, a.ndim) + struct.pack(f'<{a.ndim}q', *a.shape) + struct.pack('<iii', 1, 0, flag) + a.tobytes()
                out += struct.pack('<Q', len(arrays))
                for n in arrays: out += struct.pack('<Q', len(n.encode())) + n.encode()
                open(sys.argv[1] + '/in.params', 'wb').write(out)
            else:
                npz = np.load(sys.argv[1] + '/out.npz')
                assert all(np.array_equal(npz[n], a) and npz[n].dtype == a.dtype for n, a in arrays.items()), dict(npz)
                assert open(sys.argv[1] + '/in.params', 'rb').read() == open(sys.argv[1] + '/back.params', 'rb').read()
            """
        try PythonProcess.run(python, [folder.path, "write"])
        for arguments in [["in.params", "-o", "out.npz"], ["out.npz", "-o", "back.params"]] {
            let result = try CapletProcess.run(["convert"] + arguments + ["--plugin", plugin], in: folder.path)
            XCTAssertEqual(result.status, 0, result.errors)
        }
        try PythonProcess.run(python, [folder.path, "check"])
        var bytes = try TemporaryFolder.bytes(of: folder.path("in.params"))
        bytes[36] = 200
        try folder.write(bytes, as: "in.params")
        let damaged = try CapletProcess.run(["inspect", "in.params", "--plugin", plugin], in: folder.path)
        XCTAssertEqual(damaged.status, 65)
        XCTAssertEqual(damaged.errors, "caplet: error: in.params: array 0: has more elements than the file has bytes left\n")
    }

    /// What the pass keeps, beside NumPy's singular value decomposition: nearly as good a low-rank part, and the same budget.
    func testTheMethodOfThePass() throws {
        let folder = try CheckpointFolder()
        let plugin = try ExamplePluginTests.pass.get()
        let result = try CapletProcess.run(
            [
                "compress", "tiny", "-o", "out.caplet", "--pipeline", "spectral-split{rank=3 keep=0.4 iterations=30}", "--plugin", plugin,
                "--calibration", "text.txt", "--report", "report.json",
            ], in: folder.path)
        XCTAssertEqual(result.status, 0, result.errors)
        for (model, name) in [("tiny", "before.npz"), ("out.caplet", "after.npz")] {
            XCTAssertEqual(try CapletProcess.run(["convert", model, "-o", name, "--dtype", "f32"], in: folder.path).status, 0)
        }
        try PythonProcess.run(
            """
            import sys, json, numpy as np
            before, after = (np.load(f'{sys.argv[1]}/{n}.npz') for n in ('before', 'after'))
            report = json.load(open(sys.argv[1] + '/report.json'))
            passed = report['passes'][0]
            entries = {t['name']: t for t in passed['tensors']}
            assert len(entries) == 14, len(entries)
            assert {m['name'] for m in passed['measurements']} >= {'loss.dense', 'loss.final'}
            for name, entry in entries.items():
                w, m = before[name].astype('f8'), after[name].astype('f8')
                figures = {f['name']: f['value'] for f in entry['measurements']}
                assert figures['rank'] == 3 and entry['parameters_after'] <= int(0.4 * w.size), entry
                assert entry['parameters_after'] >= int(0.4 * w.size) - 8, entry
                # The same parameters, chosen by magnitude alone, and by an exact decomposition without weights.
                u, s, v = np.linalg.svd(w); low = (u[:, :3] * s[:3]) @ v[:3]
                rest = w - low; k = int(0.4 * w.size) - 3 * sum(w.shape)
                t = np.sort(np.abs(rest).ravel())[-k]; best = low + np.where(np.abs(rest) >= t, rest, 0)
                ours, exact = ((x - w).ravel() @ (x - w).ravel() for x in (m, best))
                assert 0.9 * exact <= ours <= 1.6 * exact, (name, ours, exact)
            """, [folder.path])
    }
}
