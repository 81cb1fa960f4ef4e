import ArgumentParser
import Glibc
import LinearAlgebra

/// `caplet`: one subcommand a verb.
@main
struct Caplet: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "caplet",
        abstract: "Convert, compress, evaluate and pack model checkpoints.",
        version: Version.text,
        subcommands: [
            ConvertCommand.self, CompressCommand.self, EvaluateCommand.self, InspectCommand.self, DiffCommand.self,
            VerifyCommand.self, FormatsCommand.self, PassesCommand.self,
        ])

    static func main() {
        LinearAlgebraRuntime.useOneThreadPerCall()
        Self.main(nil)
    }
}

enum Version {
    static let text = "0.1.0"
}
