import ArgumentParser
import Caplet
import Conformance

struct PluginCheckCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "plugin-check",
        abstract: "Run the conformance suites on a plugin's formats and passes.",
        discussion: """
            A format that can be written is written with models of every dtype, shape and name that it takes, and read back; its files are \
            cut short and changed byte by byte. Of a format that is read-only the same is done to the file given as --sample. A pass \
            runs on a small model with and without calibration. The exit status is 1 when a check fails.
            """)

    @Argument(help: "The plugin: a shared library.")
    var file: String

    @Option(help: "A small file of the plugin's format, for formats that are read-only.")
    var sample: String?

    @OptionGroup var common: CommonOptions

    func run() throws {
        try Session.run(common) { session in
            var registry = Registry.builtIn
            guard let library = try session.workspace.load([file], into: &registry).first else { return .internalError }
            var results = try library.formats().map { try check($0) }
            results += try library.passes().flatMap { pass in
                (try needsCalibration(pass) ? [true] : [false, true]).map { check(pass, calibrated: $0) }
            }
            let failed = results.flatMap(\.checks).filter { !$0.failures.isEmpty }.count
            if session.options.json {
                session.print(try JSONOutput.line(PluginCheckResult(plugin: library.label, ok: failed == 0, results: results)))
            } else {
                session.print("plugin \(library.label)")
                results.forEach { $0.lines.forEach(session.print) }
                let count = results.reduce(0) { $0 + $1.checks.count }
                session.print(failed == 0 ? "\(count) checks passed" : "\(failed) of \(count) checks failed")
            }
            return failed == 0 ? .done : .checkFailed
        }
    }

    private func check(_ format: any FormatKit.Format) throws -> CheckedPart {
        var part = CheckedPart(name: "format \(format.name)")
        if let writable = format as? any WritableFormat {
            let suite: FormatConformance
            do {
                suite = try FormatConformance(probing: writable)
            } catch {
                part.checks = [.init(name: "trial writes", failures: ["\(error)"])]
                return part
            }
            part.remarks = suite.abilities
            part.add(suite.checks())
        }
        if let sample {
            part.add(ReadingConformance(format, sample: sample).checks())
        } else if !(format is any WritableFormat) {
            throw UsageError("format '\(format.name)' is read-only; give a small file of it as --sample FILE")
        }
        return part
    }

    private func needsCalibration(_ pass: PassDeclaration) throws -> Bool {
        try PassManager(try Pipeline(parsing: pass.name), catalog: PassCatalog([pass])).needsCalibration
    }

    private func check(_ pass: PassDeclaration, calibrated: Bool) -> CheckedPart {
        var part = CheckedPart(name: "pass \(pass.name), \(calibrated ? "with" : "without") calibration")
        part.add(PassConformance(PassCatalog([pass]), pipeline: pass.name, needsCalibration: calibrated).checks())
        return part
    }
}

/// A format or pass of a plugin with what its checks found.
private struct CheckedPart: Encodable {
    struct Check: Encodable {
        let name: String
        let failures: [String]
    }

    let name: String
    var remarks: [String] = []
    var checks: [Check] = []

    init(name: String) { self.name = name }

    mutating func add(_ found: [ConformanceCheck]) { checks += found.map { Check(name: $0.name, failures: $0.failures) } }

    var lines: [String] {
        [name] + remarks.map { "  \($0)" }
            + checks.flatMap { check in
                ["  \(check.failures.isEmpty ? "ok    " : "FAILED")  \(check.name)"] + check.failures.map { "            \($0)" }
            }
    }
}

/// The keys of `plugin-check --json`.
private struct PluginCheckResult: Encodable {
    let plugin: String
    let ok: Bool
    let results: [CheckedPart]
}
