import ArgumentParser
import Caplet

struct InspectCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "inspect",
        abstract: "Show what a model is made of.",
        discussion: """
            Prints a header and a tree of tensors. Parameters are the numbers that are kept: r(m + n) for a low-rank term, non-zeros \
            for a sparse one. Bits a weight are the file's bytes over the weights that the tensors stand for.
            """)

    @Argument(help: "The model: a file or a folder of any format.")
    var model: String

    @Option(help: "Format of the model, instead of looking at it.")
    var from: String?

    @Flag(help: "List the metadata too; long arrays are cut short, except with --json.")
    var metadata = false

    @Flag(
        help: """
            Compute digests of each tensor and of the whole model, equal for equal values, whatever the format; and the SHA-256 digest of \
            all that the model holds, for `verify --sha256`.
            """)
    var hash = false

    @OptionGroup var common: CommonOptions

    func run() throws {
        try Session.run(common) { session in
            var request = InspectionRequest(model: model)
            request.format = from
            request.withDigests = hash
            let inspection = try session.perform(request)
            let (summary, graph) = (inspection.summary, inspection.model.graph)
            if session.options.json {
                session.print(try JSONOutput.line(InspectionDocument(summary, graph, metadata: metadata)))
                return .done
            }
            summary.headerLines.forEach(session.print)
            if metadata {
                session.print("")
                if graph.metadata.isEmpty { session.print("no metadata") }
                for (key, value) in graph.metadata.entries { session.print("\(key)  \(MetadataText.line(value))") }
            }
            session.print("")
            TensorTree(summary.tensors).table(withDigests: hash).lines.forEach(session.print)
            return .done
        }
    }
}
