import ArgumentParser
import Caplet

struct PassesCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "passes",
        abstract: "List the passes of a pipeline, or one pass's options.",
        discussion: """
            A pipeline is passes apart by commas, options in braces apart by spaces: \
            rpca{iterations=10},prune-probabilistic{keep=0.5},quantize{bits=8 group=64}
            """)

    @Argument(help: "The pass whose options to list.")
    var name: String?

    @OptionGroup var common: CommonOptions

    func run() throws {
        try Session.run(common) { session in
            let catalog = session.workspace.registry.passes
            guard let name else {
                let passes = catalog.passes.map(PassEntry.init)
                if session.options.json { session.print(try JSONOutput.line(passes)) } else { list(passes, session) }
                return .done
            }
            guard let pass = catalog.pass(named: name) else {
                let nearest = Spelling.nearest(to: name, among: catalog.passes.map { $0.name })
                throw UsageError("unknown pass '\(name)'" + Spelling.question(nearest), .unsupported)
            }
            if session.options.json { session.print(try JSONOutput.line(PassEntry(pass))) } else { describe(PassEntry(pass), session) }
            return .done
        }
    }

    private func list(_ passes: [PassEntry], _ session: Session) {
        var table = TextTable(header: ["pass", "from", "summary"], rightAligned: [])
        for pass in passes { table.add([pass.name, pass.origin ?? "built in", pass.summary]) }
        table.lines.forEach(session.print)
        session.print("")
        session.print("caplet passes NAME lists the options of one.")
    }

    private func describe(_ pass: PassEntry, _ session: Session) {
        session.print("\(pass.name): \(pass.summary)" + (pass.origin.map { " (from \($0))" } ?? ""))
        session.print("")
        var table = TextTable(header: ["option", "default", "takes", "summary"], rightAligned: [])
        for option in pass.options {
            table.add([option.name, option.default, option.domain, option.summary + (option.requires.map { "; needs \($0)" } ?? "")])
        }
        table.lines.forEach(session.print)
        session.print("")
        session.print("It reads \(pass.reads.joined(separator: ", ")).")
    }
}

/// A pass in `passes --json`.
private struct PassEntry: Encodable {
    struct Option: Encodable {
        let name: String
        let `default`: String
        let domain: String
        let summary: String
        /// What must hold of other options where it is given; absent where nothing must.
        let requires: String?
    }

    let name: String
    let summary: String
    let options: [Option]
    /// What it works from, in words.
    let reads: [String]

    /// The plugin that it was loaded from; absent when it is built in.
    let origin: String?

    init(_ pass: PassDeclaration) {
        name = pass.name
        origin = pass.origin
        summary = pass.summary
        reads = pass.reads.texts
        options = pass.options.map {
            Option(name: $0.name, default: $0.defaultText, domain: $0.domain, summary: $0.summary, requires: $0.requirementText)
        }
    }
}
