import ArgumentParser
import Caplet

struct FormatsCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "formats", abstract: "List the formats that can be read and written.")

    @OptionGroup var common: CommonOptions

    func run() throws {
        try Session.run(common) { session in
            let formats = session.workspace.registry.formats.map(FormatEntry.init)
            if session.options.json {
                session.print(try JSONOutput.line(formats))
                return .done
            }
            var table = TextTable(header: ["format", "does", "path", "from", "summary"], rightAligned: [])
            for format in formats {
                let endings = format.extensions.map { ".\($0)" }.joined(separator: " ")
                let path = [endings, format.folder ? "folder" : ""].filter { !$0.isEmpty }.joined(separator: ", ")
                table.add([format.name, format.writes ? "reads, writes" : "reads", path, format.origin ?? "built in", format.summary])
            }
            table.lines.forEach(session.print)
            return .done
        }
    }
}

/// A format in `formats --json`.
private struct FormatEntry: Encodable {
    let name: String
    let summary: String
    let extensions: [String]
    /// Whether a model may be a folder.
    let folder: Bool
    let reads = true
    let writes: Bool
    /// The plugin that it was loaded from; absent when it is built in.
    let origin: String?

    init(_ format: any FormatKit.Format) {
        name = format.name
        summary = format.summary
        writes = format is any WritableFormat
        extensions = format.fileExtensions
        origin = format.origin
        folder = format.layout != .file
    }
}
