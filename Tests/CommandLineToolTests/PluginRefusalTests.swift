import TestSupport
import XCTest

/// Plugins that break a rule are refused by name, with the object and the reason, and the status that belongs to it.
final class PluginRefusalTests: XCTestCase {
    private func expect(
        _ fault: String?, _ arguments: [String], status: Int32, _ text: String, in folder: CheckpointFolder, line: UInt = #line
    ) throws {
        let plugin = try FaultyPlugin.make(fault, in: folder.path)
        let result = try CapletProcess.run(arguments + ["--plugin", plugin], in: folder.path)
        XCTAssertEqual(result.status, status, "\(fault ?? "none"): \(result.errors)", line: line)
        XCTAssertTrue(text.isEmpty || result.errors.contains(text), "\(fault ?? "none"): \(result.errors)", line: line)
        if status != 0 { XCTAssertEqual(result.errors.split(separator: "\n").count, 1, result.errors, line: line) }
    }

    func testWhatIsRightWorks() throws {
        let folder = try CheckpointFolder()
        try folder.write("", as: "in.faulty")
        try expect(nil, ["convert", "in.faulty", "-o", "out.npz"], status: 0, "", in: folder)
        let read = try CapletProcess.run(["inspect", "out.npz", "--metadata"], in: folder.path)
        XCTAssertTrue(read.output.contains("k  7") && read.output.contains("[2, 3]"), read.output)
        try expect(nil, ["compress", "tiny", "-o", "out.caplet", "--pipeline", "faulty{level=4}"], status: 0, "", in: folder)
    }

    func testWhatCannotBeLoaded() throws {
        let folder = try CheckpointFolder()
        let cases: [(String, Int32, String)] = [
            ("VERSION", 69, "was built for version 2 of the plugin interface; this Caplet has 1"),
            ("INIT", 69, "cannot be used: no such device"), ("INIT_SILENT", 69, "failed without saying why"),
            ("SIZE", 65, "struct_size 16, at least"), ("PLUGIN_NAME", 65, "its name is not UTF-8"),
            ("SYMBOL", 65, "is no plugin: it has no function caplet_plugin_open"),
            ("FORMAT_CLASH", 64, "format 'gguf': there is one of that name already, built in"),
            ("PASS_CLASH", 64, "pass 'rpca': there is one of that name already, built in"),
            ("FORMAT_NAME", 65, "its name 'Two Words' is not small letters"), ("FORMAT_READ", 65, "format 'faulty': has no function"),
            ("FORMATS_NULL", 65, "formats is NULL, 1 elements were declared"), ("EMPTY", 65, "has neither formats nor passes"),
            ("DEFAULT", 65, "option 'level': takes an integer 1…5, not its default_value '6'"),
            ("BOUNDS", 65, "option 'level': has bounds nan…5.0"), ("LAYERS", 65, "option 'layers' is there twice"),
        ]
        for (fault, status, text) in cases { try expect(fault, ["formats"], status: status, text, in: folder) }
        try folder.write("not a library", as: "text.so")
        let files: [(String, Int32, String)] = [
            ("text.so", 65, "text.so: cannot be loaded"), ("missing.so", 66, "missing.so: No such file"), (".", 66, "is no file"),
        ]
        for (file, status, text) in files {
            let result = try CapletProcess.run(["formats", "--plugin", file], in: folder.path)
            XCTAssertEqual(result.status, status, result.errors)
            XCTAssertTrue(result.errors.contains(text), result.errors)
        }
        let twice = try FaultyPlugin.make(nil, as: "other.so", in: folder.path)
        try expect(nil, ["formats", "--plugin", twice], status: 64, "there is one of that name already, from \(twice)", in: folder)
    }

    func testModelsThatBreakTheRules() throws {
        let folder = try CheckpointFolder()
        try folder.write("", as: "in.faulty")
        let cases: [(String, Int32, String)] = [
            ("RANK", 65, "tensor 'a': has 9 dimensions"), ("DTYPE", 65, "tensor 'a': has the unknown dtype 99"),
            ("OVERFLOW", 65, "tensor 'a': has shape [1099511627776, 1099511627776], which is too many elements"),
            ("NEGATIVE", 65, "tensor 'a': has shape [18446744073709551615, 3]"),
            ("BYTES", 65, "tensor 'a': is F32 [2, 3] of 24 bytes, and has byte_count 20"),
            ("NAME_BYTES", 65, "tensor 0: has a name that is not UTF-8"), ("NAME_NULL", 65, "tensor 0: has a name that is NULL"),
            ("DUPLICATE", 65, "tensor 'a': appears twice"), ("NO_DATA", 65, "tensor 'a': has no data"),
            ("NO_TENSORS", 65, "has 1 tensors and nothing where they are to be"), ("COUNT", 65, "18446744073709551615 tensors"),
            ("KEY_TYPE", 65, "key 'k': has the unknown type 9"), ("FILE_NAME", 65, "file '../NOTICE': has a name that is no plain"),
            ("MEMORY", 65, "tensor 'a': needs 422212465065984 bytes of memory"), ("STATUS", 70, "returned the unknown status 77"),
            ("CANCELLED", 70, "gave up although nobody asked it to"), ("NO_MODEL", 65, "no model came of it"),
            ("REFUSED", 65, "in.faulty: line 3: has 4 columns, 5 were expected"),
            ("READ", 65, "in.faulty: tensor 'a': the tape is torn"),
        ]
        for (fault, status, text) in cases {
            try expect(fault, ["convert", "in.faulty", "-o", "out.npz"], status: status, text, in: folder)
            XCTAssertThrowsError(try folder.bytes("out.npz"), "\(fault) left an output")
        }
    }

    func testPassesThatBreakTheRules() throws {
        let folder = try CheckpointFolder()
        func compress(_ pipeline: String) -> [String] { ["compress", "tiny", "-o", "out.caplet", "--pipeline", pipeline] }
        let tensor = "pass 'faulty': tensor 'model.layers."
        let cases: [(String, Int32, String)] = [
            ("PART_NULL", 65, "the sparse part has no data"), ("PART_RANK", 65, "the low-rank part has rank 4611686018427387904"),
            ("PART_NAN", 65, "the dense part holds NaN or infinite values"), ("PART_NONE", 65, "has no parts"),
            ("PART_TWICE", 65, "has a dense part and others beside it"), ("PART_STATUS", 65, "failed without saying why"),
        ]
        for (fault, status, text) in cases {
            try expect(fault, compress("faulty"), status: status, text, in: folder)
            try expect(fault, compress("faulty"), status: status, tensor, in: folder)
            XCTAssertThrowsError(try folder.bytes("out.caplet"), "\(fault) left an output")
        }
        try expect(nil, compress("faulty{level=9}"), status: 64, "option 'level' of 'faulty' takes an integer 1…5, not '9'", in: folder)
        try expect(nil, compress("faulty{lvel=1}"), status: 64, "did you mean 'level'?", in: folder)
        try expect(nil, compress("faulty{level=4 taste=sour}"), status: 64, "level over 3 and taste=sour exclude each other", in: folder)
        try expect(nil, compress("fault"), status: 69, "unknown pass 'fault'; did you mean 'faulty'?", in: folder)
    }

    /// An interrupt reaches a pass that looks at the flag: status 130, and no output.
    func testAPassIsInterrupted() throws {
        let folder = try CheckpointFolder()
        let plugin = try FaultyPlugin.make("SLOW", in: folder.path)
        let line =
            "caplet compress tiny -o out.caplet --pipeline faulty --plugin '\(plugin)' 2>log & pid=$!; "
            + "until grep -q slow log; do sleep 0.05; done; kill -INT $pid; wait $pid"
        let result = try CapletProcess.shell("set -m; " + line, in: folder.path)
        XCTAssertEqual(result.status, 130, result.errors)
        XCTAssertThrowsError(try folder.bytes("out.caplet"))
    }

    /// What a pass says of how far it is stands in the progress line, beside what Caplet knows.
    func testProgressOfAPass() throws {
        let folder = try CheckpointFolder()
        try FaultyPlugin.make("SLOW", in: folder.path)
        let line = "timeout -s INT 2 caplet compress tiny -o out.caplet --pipeline faulty --plugin ./faulty.so"
        let result = try CapletProcess.shell("script -qfc '\(line)' typescript </dev/null >/dev/null", in: folder.path)
        XCTAssertEqual(result.status, 0, result.errors)
        let shown = String(decoding: try folder.bytes("typescript"), as: UTF8.self)
        XCTAssertTrue(shown.contains("faulty 0/14 layers, model.layers.0."), shown)
        // The line is cut where the terminal ends.
        XCTAssertTrue(shown.contains(" % thin"), shown)
    }

    /// The header by itself, in both languages that include it, without a warning.
    func testTheHeaderByItself() throws {
        let header = Repository.path("Sources/CCapletPlugin/include/caplet_plugin.h")
        for (compiler, language) in [("cc -std=c11", "c"), ("c++ -std=c++11", "c++")] {
            let result = try CapletProcess.shell(
                "\(compiler) -Wall -Wextra -Wpedantic -Werror -fsyntax-only -x \(language) - <<< '#include \"\(header)\"'", in: "/tmp")
            XCTAssertEqual(result.status, 0, result.errors)
        }
    }
}
