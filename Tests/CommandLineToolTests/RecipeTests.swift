import Foundation
import TestSupport
import XCTest

/// `--recipe`: options of a verb in a file.
final class RecipeTests: XCTestCase {
    private static let model = Repository.path("Examples/wren-7m")
    private static let text = Repository.path("Examples/text/speeches-calibration.txt")

    /// Runs a script, which has to end well.
    private func shell(_ script: String, _ folder: CheckpointFolder) throws {
        let run = try CapletProcess.shell("set -e; compress='caplet compress \(Self.model) --no-progress'; \(script)", in: folder.path)
        XCTAssertEqual(run.status, 0, run.errors)
    }

    /// The status and the line of what is refused.
    private func refusal(_ recipe: String, _ folder: CheckpointFolder, _ options: String = "") throws -> (status: Int32, line: String) {
        try Data(recipe.utf8).write(to: URL(fileURLWithPath: folder.path("r.yaml")))
        let run = try CapletProcess.shell("caplet compress \(Self.model) -o refused.caplet --recipe r.yaml \(options)", in: folder.path)
        XCTAssertFalse(FileManager.default.fileExists(atPath: folder.path("refused.caplet")), recipe)
        return (run.status, run.errors)
    }

    /// A pipeline as a list of passes in each form, text that is given more than once, numbers and flags.
    func testRecipeStandsForOptions() throws {
        let folder = try CheckpointFolder()
        defer { withExtendedLifetime(folder) {} }
        let recipe = """
            # All forms of a pass.
            pipeline:
              - magnitude: {keep: 0.6, scope: layer}
              - refit: {objective: weights}
              - quantize{bits=8 target=s}
            calibration:
              - \(Self.text)
            calibration-sequences: 4
            context: 32
            seed: 3
            no-measure: true
            """
        try Data(recipe.utf8).write(to: URL(fileURLWithPath: folder.path("r.yaml")))
        try shell(
            """
            $compress -o a.caplet --recipe r.yaml --report a.json
            $compress -o b.caplet --no-measure --seed 3 --calibration \(Self.text) --calibration-sequences 4 --context 32 \
            --pipeline 'magnitude{keep=0.6 scope=layer},refit{objective=weights},quantize{bits=8 target=s}'
            $compress -o c.caplet --recipe=a.json
            """, folder)
        XCTAssertTrue(try folder.bytes("a.caplet") == folder.bytes("b.caplet"))
        XCTAssertTrue(try folder.bytes("a.caplet") == folder.bytes("c.caplet"))
        let report = try JSONSerialization.jsonObject(with: Data(folder.bytes("a.json"))) as? [String: Any]
        let written = try XCTUnwrap(report?["recipe"] as? [String: Any])
        XCTAssertEqual(
            written as NSDictionary,
            [
                "pipeline": ["magnitude{keep=0.6 scope=layer}", "refit{objective=weights}", "quantize{bits=8 target=s}"],
                "calibration": [Self.text], "calibration-sequences": 4, "context": 32, "seed": 3, "no-measure": true,
            ])
    }

    /// An option of the command line stands for that of the recipe, and an aim for any.
    func testCommandLineGoesBefore() throws {
        let folder = try CheckpointFolder()
        defer { withExtendedLifetime(folder) {} }
        try Data("pipeline: magnitude{keep=0.5}\ncalibration: nowhere.txt\nno-measure: false\n".utf8)
            .write(to: URL(fileURLWithPath: folder.path("r.yaml")))
        try shell(
            """
            $compress -o a.caplet --recipe r.yaml --calibration \(Self.text) --no-measure --seed 1
            $compress -o b.caplet --pipeline 'magnitude{keep=0.5}' --no-measure --seed 1
            $compress -o c.caplet --recipe r.yaml --lossless --calibration \(Self.text)
            $compress -o d.caplet --lossless
            """, folder)
        XCTAssertTrue(try folder.bytes("c.caplet") == folder.bytes("d.caplet"))
        XCTAssertFalse(try folder.bytes("a.caplet") == folder.bytes("c.caplet"))
        let compared = try CapletProcess.shell("caplet diff a.caplet b.caplet", in: folder.path)
        XCTAssertEqual(compared.status, 0, compared.output)
    }

    /// What is no recipe is refused in one line with its place.
    func testRefusals() throws {
        let folder = try CheckpointFolder()
        defer { withExtendedLifetime(folder) {} }
        for (recipe, line) in [
            ("seed: 1\nkeeep: 0.5\n", "r.yaml: line 2: 'keeep' is no option of compress that a recipe has; did you mean 'keep'?"),
            ("output: x.caplet", "r.yaml: line 1: 'output' is no option of compress that a recipe has"),
            ("- keep", "r.yaml: line 1: a mapping of options to values is expected"),
            ("", "r.yaml: a mapping of options to values is expected"),
            ("pipeline: [{wanda: {keep: 0.5}, magnitude: }]", "r.yaml: line 1: a pass is text, or its name with a mapping of its options"),
            ("pipeline:\n- wanda: {keep: '0.5},rpca{'}", "r.yaml: line 2: '0.5},rpca{' is no value of an option of 'wanda'"),
            ("pipeline: [wanda: 3]", "r.yaml: line 1: the options of 'wanda' are a mapping"),
            ("no-measure: perhaps", "r.yaml: line 1: 'no-measure' is true or false"),
            ("seed: {a: 1}", "r.yaml: line 1: 'seed' takes text or a number"),
            ("seed: ~", "r.yaml: line 1: 'seed' takes text or a number"),
        ] {
            let found = try refusal(recipe, folder)
            XCTAssertEqual(found.status, 65, recipe)
            XCTAssertTrue(found.line.hasPrefix("caplet: error: \(line)"), found.line)
            XCTAssertEqual(found.line.filter { $0 == "\n" }.count, 1, found.line)
        }
        for recipe in ["seed: [", "a: &a [*a]", "seed: 1\nseed: 2", "\u{0}"] {
            let found = try refusal(recipe, folder)
            XCTAssertEqual(found.status, 65, recipe)
            XCTAssertEqual(found.line.filter { $0 == "\n" }.count, 1, found.line)
        }
        // Lists in lists of aliases, 10^9 words when they are unfolded.
        let bomb =
            "a: &a [x, x, x, x, x, x, x, x, x, x]\n"
            + zip("bcdefghi", "abcdefgh").map { "\($0): &\($0) [\(Array(repeating: "*\($1)", count: 10).joined(separator: ", "))]\n" }
            .joined()
        XCTAssertEqual(try refusal(bomb + "text: *i\n", folder).status, 65)
        XCTAssertEqual(try refusal("keep: 7", folder).status, 64)
        let missing = try CapletProcess.shell("caplet compress \(Self.model) -o x.caplet --recipe none.yaml", in: folder.path)
        XCTAssertEqual(missing.status, 66, missing.errors)
    }
}
