import ArgumentParser
import Caplet

struct DiffCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "diff",
        abstract: "Compare two models tensor by tensor, whatever their formats.",
        discussion: """
            Exit status 0 when dtypes, shapes and values are the same, 1 when not. With --tolerance, tensors whose relative \
            Frobenius error is at most that are the same, and dtypes do not matter. The error is taken relative to the first model.
            """)

    @Argument(help: "A model: a file or a folder of any format.")
    var first: String

    @Argument(help: "Another.")
    var second: String

    @Option(help: "Relative Frobenius error of a tensor that is allowed.")
    var tolerance: Double?

    @Option(help: "Format of both models, instead of looking at them.")
    var from: String?

    @OptionGroup var common: CommonOptions

    func validate() throws {
        if let tolerance, !(tolerance >= 0 && tolerance.isFinite) { throw ValidationError("--tolerance takes a number from 0") }
    }

    func run() throws {
        try Session.run(common) { session in
            var request = DifferenceRequest(first: first, second: second)
            request.format = from
            let difference = try session.perform(request)
            let report = DifferenceReport(difference: difference, tolerance: tolerance)
            if session.options.json {
                session.print(try JSONOutput.line(report.json))
            } else {
                report.print(all: session.options.verbose, session)
            }
            return difference.isSame(tolerance: tolerance) ? .done : .checkFailed
        }
    }
}
