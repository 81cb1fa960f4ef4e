import Foundation
import TestSupport
import XCTest

/// `--force` takes the place of what Caplet wrote, and of nothing else.
final class ForceTests: XCTestCase {
    private func expectRefusal(_ line: String, saying words: String, in folder: CheckpointFolder, at sourceLine: UInt = #line) throws {
        let before = try folder.listing()
        let result = try CapletProcess.shell(line, in: folder.path)
        XCTAssertEqual(result.status, 64, "\(line): \(result.errors)", line: sourceLine)
        XCTAssertTrue(result.errors.contains(words), result.errors, line: sourceLine)
        XCTAssertEqual(result.errors.split(separator: "\n").count, 1, result.errors, line: sourceLine)
        XCTAssertEqual(try folder.listing(), before, "\(line): files changed", line: sourceLine)
    }

    func testFoldersAboveAnInput() throws {
        let folder = try CheckpointFolder()
        defer { withExtendedLifetime(folder) {} }
        XCTAssertEqual(
            try CapletProcess.shell("mkdir -p store/hub; cp -r tiny store/hub; echo mine > store/notes", in: folder.path).status, 0)
        for command in [
            "convert store/hub/tiny -o store --to safetensors", "convert store/hub/tiny -o store/hub --to npy",
            "convert store/hub/tiny/model.safetensors -o store --to npy", "convert store/hub/tiny -o . --to npy",
            "compress store/hub/tiny -o store --to safetensors --pipeline magnitude",
            "compress tiny --original store/hub/tiny -o store/hub --to safetensors --pipeline magnitude",
        ] { try expectRefusal("caplet \(command) --force", saying: "the input", in: folder) }
    }

    func testFoldersOfTheUsers() throws {
        let folder = try CheckpointFolder()
        defer { withExtendedLifetime(folder) {} }
        XCTAssertEqual(try CapletProcess.shell("mkdir -p downloads/other; echo mine > downloads/thesis.docx", in: folder.path).status, 0)
        for format in ["safetensors", "npy"] {
            try expectRefusal("caplet convert tiny -o downloads --to \(format) --force", saying: "Caplet did not write", in: folder)
        }
        // A model that somebody else made has the names that Caplet gives.
        XCTAssertEqual(try CapletProcess.shell("cp -r tiny theirs; rm theirs/.caplet-files.json", in: folder.path).status, 0)
        try expectRefusal("caplet convert tiny -o theirs --to safetensors --force", saying: "Caplet did not write", in: folder)
    }

    func testEveryPathThatIsReadIsRefusedAsOneThatIsWritten() throws {
        let folder = try CheckpointFolder()
        defer { withExtendedLifetime(folder) {} }
        try folder.write("magnitude", as: "pipeline")
        let compress = "caplet compress tiny -o out.npz --pipeline-file pipeline --calibration text.txt --force"
        for path in ["tiny/config.json", "text.txt", "pipeline", "tiny/model.safetensors"] {
            try expectRefusal("\(compress) --report \(path)", saying: "is the input", in: folder)
        }
        for path in ["text.txt", "pipeline"] {
            try expectRefusal("\(compress.replacingOccurrences(of: "out.npz", with: path)) --to caplet", saying: "is the input", in: folder)
        }
        try expectRefusal("\(compress) --report out.npz", saying: "where the output is to be", in: folder)
        try expectRefusal("\(compress) --report ./out.npz", saying: "where the output is to be", in: folder)
        XCTAssertEqual(try CapletProcess.shell("ln text.txt other; \(compress) --report other", in: folder.path).status, 64)
    }

    func testDevicesAndLinks() throws {
        let folder = try CheckpointFolder()
        defer { withExtendedLifetime(folder) {} }
        try folder.write("mine", as: "file")
        XCTAssertEqual(try CapletProcess.shell("ln -s file link; mkfifo pipe", in: folder.path).status, 0)
        for (path, words) in [("/dev/null", "a device"), ("link", "symbolic link"), ("pipe", "a pipe")] {
            try expectRefusal("caplet convert tiny -o \(path) --to caplet --force", saying: words, in: folder)
            try expectRefusal("caplet compress tiny -o out.npz --pipeline magnitude --report \(path) --force", saying: words, in: folder)
        }
        XCTAssertEqual(try CapletProcess.shell("[ -c /dev/null ]", in: folder.path).status, 0)
    }

    /// A text, a model or token ids that are no regular files are refused at once: nobody may ever write into a pipe.
    func testPipesAsInputs() throws {
        let folder = try CheckpointFolder()
        defer { withExtendedLifetime(folder) {} }
        XCTAssertEqual(try CapletProcess.shell("mkfifo pipe", in: folder.path).status, 0)
        for command in [
            "evaluate tiny --text pipe", "evaluate tiny --tokens pipe", "evaluate tiny --task pipe", "inspect pipe",
            "convert pipe -o out.npz",
            "compress tiny -o out.npz --pipeline-file pipe", "compress tiny -o out.caplet --calibration pipe",
        ] {
            let result = try CapletProcess.shell("timeout 20 caplet \(command)", in: folder.path)
            XCTAssertEqual(result.status, 66, "\(command): \(result.errors)")
            XCTAssertEqual(result.errors.split(separator: "\n").count, 1, result.errors)
        }
    }

    func testArgumentsThatAreNoText() throws {
        let folder = try CheckpointFolder()
        defer { withExtendedLifetime(folder) {} }
        try expectRefusal("caplet convert tiny -o $'out\\xff.npz'", saying: "UTF-8", in: folder)
    }
}
